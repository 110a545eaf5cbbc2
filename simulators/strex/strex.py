"""The simulated Strex: takes charges, texts codes, settles later, gives money back. One id is charged at most once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random
from uuid import UUID

import msgspec

from shared.clock import Clock
from shared.errors import Refused
from shared.lifecycle import Health
from simulators.smsc.timetable import Timetable
from simulators.strex.behaviour import Behaviour
from simulators.strex.course import Asked, Password, Standing, Step, course
from simulators.strex.ledger import Ledger, SentPassword
from simulators.strex.transaction import OK, REVERSED, WAITING, Kind, State, Transaction
from simulators.strex.wire import OneTimePassword, OutMessage, StrexTransaction, to_ore

_PASSWORD_FAULTS = frozenset({"OneTimePasswordFailed", "OneTimePasswordExpired"})


class NotFound(Refused):
    """404."""

    def __init__(self) -> None:
        super().__init__("not_found", "not found")


class Conflict(Refused):
    """409."""

    def __init__(self, detail: str) -> None:
        super().__init__("conflict", detail)


class _Due(msgspec.Struct, frozen=True):
    transaction: Transaction
    state: State


class Strex:
    """The heart, without HTTP; a component. `on_change` is told of every state that a callback may tell of."""

    def __init__(self, behaviour: Behaviour, clock: Clock, random: Random) -> None:
        self.name = "strex"
        self.behaviour = behaviour
        self.ledger = Ledger()
        self.on_change: Callable[[Transaction], None] = lambda _: None
        self._clock = clock
        self._random = random
        self._steps: Timetable[_Due] = Timetable(clock, self._reach)
        self._waiting: dict[str, asyncio.Event] = {}

    def charge(self, wanted: StrexTransaction, body: bytes) -> Transaction:
        """Take a transaction. Raises `Refused` for an id that stands with another content."""
        price = to_ore(wanted.price)
        if (repeated := self._repeated(wanted.transaction_id, body)) is not None:
            return repeated
        standing = self._standing(wanted)
        transaction = self._new(wanted.transaction_id, Kind.TRANSACTION, wanted.recipient, body)
        transaction.short_number = wanted.short_number
        transaction.content = wanted.content
        self._fill(transaction, wanted)
        asked = Asked(
            price=price,
            service_code=wanted.service_code,
            age=wanted.age,
            sms_confirmation=wanted.sms_confirmation is True,
        )
        self._pay(transaction, asked, standing)
        return transaction

    def message(self, wanted: OutMessage, body: bytes) -> Transaction:
        """Take a message, charged or not. Raises `Refused`."""
        wanted_id = wanted.transaction_id or str(UUID(int=self._random.getrandbits(128), version=4))
        price = None if wanted.strex is None else to_ore(wanted.strex.price)
        if (repeated := self._repeated(wanted_id, body)) is not None:
            return repeated
        message = self._new(wanted_id, Kind.MESSAGE, wanted.recipient, body)
        message.short_number = wanted.sender
        message.content = wanted.content
        message.report_url = wanted.delivery_report_url
        message.session_id, message.correlation_id = wanted.session_id, wanted.correlation_id
        message.keyword_id, message.tags, message.properties = wanted.keyword_id, wanted.tags, wanted.properties
        if wanted.strex is None or price is None:
            sent = State(status=OK, detailed="Delivered", delivered=True)
            self._plan(message, [Step(self.behaviour.settle_ms / 1000, sent)])
            return message
        strex = wanted.strex
        message.price, message.merchant_id, message.service_code = price, strex.merchant_id, strex.service_code
        message.invoice_text, message.business_model, message.age = strex.invoice_text, strex.business_model, strex.age
        asked = Asked(
            price=price,
            service_code=strex.service_code,
            age=strex.age,
            sms_confirmation=strex.sms_confirmation is True,
        )
        self._pay(message, asked, self._known(wanted.recipient))
        return message

    def password(self, wanted: OneTimePassword) -> None:
        """Text a code. Raises `Refused` for an id that has one."""
        if wanted.transaction_id in self.ledger.passwords:
            raise Refused("exists", f"One-time password for '{wanted.transaction_id}' already exists.")
        now = self._clock.now()
        self.ledger.passwords[wanted.transaction_id] = SentPassword(wanted, now)
        words = (wanted.message_prefix, self.behaviour.test_code, wanted.message_suffix)
        text = self._new(self._random.randbytes(17).hex(), Kind.TEXT, wanted.recipient, b"")
        text.content = "\n".join(word for word in words if word)
        text.short_number = wanted.sender
        text.smsc_id = text.id
        text.state = State(status=OK, detailed="Delivered", delivered=True)

    async def reverse(self, wanted: str) -> Transaction:
        """Begin to give money back, once the charge has ended. Raises `NotFound`, `Conflict`."""
        self.ledger.deletes += 1
        charge = await self.find(wanted)
        if charge.kind not in {Kind.TRANSACTION, Kind.MESSAGE} or f"-{wanted}" in self.ledger.transactions:
            raise Conflict(f"transaction id '{wanted}' can't be reversed.")
        if charge.state.billed is not True or charge.price is None:
            raise Conflict(f"transaction id '{wanted}'hasn't been billed/processed and can't be reversed.")
        reversal = self._new(f"-{wanted}", Kind.REVERSAL, charge.recipient, b"")
        reversal.price = -charge.price
        for field in ("short_number", "merchant_id", "service_code", "invoice_text", "business_model", "operator"):
            setattr(reversal, field, getattr(charge, field))
        done = State(status=REVERSED, detailed="Delivered", billed=True)
        self._plan(reversal, [Step(self.behaviour.settle_ms / 1000, done)])
        return reversal

    async def find(self, wanted: str) -> Transaction:
        """One of them, once it has ended or the long poll is over. Raises `NotFound`."""
        transaction = self.ledger.transactions.get(wanted)
        if transaction is None:
            raise NotFound
        if transaction.is_open:
            event = self._waiting.setdefault(wanted, asyncio.Event())
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), self.behaviour.long_poll_ms / 1000)
        return transaction

    def turn(self, wanted: str, state: State) -> Transaction:
        """Put one into another state by hand. Raises `NotFound`."""
        transaction = self.ledger.transactions.get(wanted)
        if transaction is None:
            raise NotFound
        self._reach(_Due(transaction, state))
        return transaction

    async def start(self) -> None:
        """Nothing to wait for."""

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - nothing takes time
        """Forget what was to come."""
        self._steps.clear()

    async def wait(self) -> None:
        """It never ends by itself."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Always ready."""
        return Health(ready=True)

    def _standing(self, wanted: StrexTransaction) -> Standing:
        known = self._known(wanted.recipient)
        if wanted.one_time_password is None:
            return known
        sent = self.ledger.passwords.get(wanted.transaction_id)
        if sent is None or sent.request.recipient != wanted.recipient:
            return msgspec.structs.replace(known, password_unknown=True)
        right = wanted.one_time_password == self.behaviour.test_code
        expired = self._clock.now() > sent.created + timedelta(minutes=sent.request.time_to_live)
        password = Password(right, expired, sent.wrong)
        sent.wrong += not right
        return msgspec.structs.replace(known, password=password)

    def _known(self, recipient: str) -> Standing:
        now, ledger = self._clock.now(), self.ledger
        return Standing(
            spent=ledger.spent(recipient, now),
            spent_in_year=ledger.spent_in_year(recipient, now),
            busy=ledger.busy(recipient),
        )

    def _repeated(self, wanted: str, body: bytes) -> Transaction | None:
        """The transaction whose id is used again, if its content is the same; after a code that failed, another try is
        no repeat. Raises `Refused`.
        """
        self.ledger.posts += 1
        before = self.ledger.transactions.get(wanted)
        if before is None:
            return None
        if before.body != body and before.state.detailed in _PASSWORD_FAULTS:
            return None
        self.ledger.repeats += 1
        before.posts += 1
        if before.body != body:
            raise Refused("duplicate", f"DuplicateTransaction: transaction id '{wanted}' was used before.")
        return before

    def _new(self, wanted: str, kind: Kind, recipient: str, body: bytes) -> Transaction:
        now = self._clock.now()
        before = self.ledger.transactions.get(wanted)
        transaction = Transaction(
            id=wanted,
            kind=kind,
            recipient=recipient,
            created=now,
            modified=now,
            state=WAITING,
            operator=self.ledger.profile(recipient, None).operator,
            body=body,
            smsc_id=recipient.lstrip("+"),
            posts=1 if before is None else before.posts + 1,
        )
        self.ledger.add(transaction)
        return transaction

    def _fill(self, transaction: Transaction, wanted: StrexTransaction) -> None:
        transaction.price = to_ore(wanted.price)
        transaction.merchant_id, transaction.service_code = wanted.merchant_id, wanted.service_code
        transaction.invoice_text, transaction.business_model = wanted.invoice_text, wanted.business_model
        transaction.age, transaction.is_restricted, transaction.timeout = (
            wanted.age,
            wanted.is_restricted,
            wanted.timeout,
        )
        transaction.session_id, transaction.correlation_id = wanted.session_id, wanted.correlation_id
        transaction.keyword_id, transaction.tags = wanted.keyword_id, wanted.tags
        transaction.properties = wanted.properties

    def _pay(self, transaction: Transaction, asked: Asked, standing: Standing) -> None:
        profile = self.ledger.profile(transaction.recipient, transaction.properties)
        self.ledger.begin(transaction.recipient)
        self._plan(transaction, course(profile, asked, standing, self.behaviour))

    def _plan(self, transaction: Transaction, steps: Sequence[Step]) -> None:
        for step in steps:
            self._steps.add(step.after, _Due(transaction, step.state))

    def _reach(self, due: _Due) -> None:
        """A state begins. Money moves the first time that it says `billed`, and never again."""
        transaction, now = due.transaction, self._clock.now()
        was_open = transaction.is_open
        transaction.state, transaction.modified = due.state, now
        if due.state.billed is True and not transaction.moved:
            transaction.moved = True
            self.ledger.move(transaction, now)
        if was_open and due.state.settled:
            if transaction.kind is not Kind.REVERSAL and transaction.price is not None:
                self.ledger.end(transaction.recipient)
            if (event := self._waiting.pop(transaction.id, None)) is not None:
                event.set()
        self.on_change(transaction)
