"""What follows from an incoming message, as records. A replay makes the same ones, but for their seals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from services.dlr.inbound.message import InboundMessage, OptOut
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import Actor, SendRequested
from shared.contracts.inbound import (
    EVERY_SENDER,
    InboundAction,
    InboundRouted,
    OptOutRequested,
    OptOutSource,
    opt_out_key,
)
from shared.contracts.premium import Consent, ConsentKind, PremiumKind, PremiumOrdered, PremiumTerms
from shared.contracts.words import LANE_OF, Category, Door
from shared.errors import BadRecord
from shared.ids import AccountId, partition_of
from shared.kafka.record import Output
from shared.privacy.sealing import Erased, Sealed, Sealer

SOURCE: Final = "/budstikke/dlr/inbound"
OPT_OUT_ACTOR: Final = "opt-out"

_VALID: Final = timedelta(hours=48)
_CATEGORY: Final = Category.TRANSACTIONAL


def confirmation(number: str, scope: str) -> str:
    """What somebody is told who has opted out: of everything, or of what comes from the number."""
    return f"Du er meldt av. Du får ikke flere SMS fra {'oss' if scope == EVERY_SENDER else number}."


class Outputs:
    """Writes for the role: opt-outs first, so that they hold before anybody is told of them."""

    def __init__(self, sealer: Sealer, partitions: int) -> None:
        self._sealer = sealer
        self._partitions = partitions
        self._write = Writer(SOURCE).output

    def of(self, message: InboundMessage, partition: int) -> Iterator[Output]:
        """Everything. `partition` is where the message came from: those of one handset stay in order.

        An opt-out is told each time that it is asked for, for its row does not say that the others know of it: one that
        is being taken back has its row still. Only the first is confirmed.
        """
        new = [opt_out for opt_out in message.opt_outs if opt_out.new]
        for opt_out in message.opt_outs:
            yield self._opt_out(message, opt_out)
        if new:
            first = new[0]
            text = confirmation(message.to, first.scope)
            yield from self._reply(message, first.account_id, text, OPT_OUT_ACTOR)
        if message.account_id is None:
            return
        if message.action is InboundAction.REPLY:
            yield from self._reply(
                message, message.account_id, self._opened(message, "reply", message.reply), message.keyword_id or ""
            )
        elif message.action is InboundAction.PREMIUM_REPLY:
            yield from self._order(message, message.account_id)
        yield self._routed(message, message.account_id, partition)

    def _opt_out(self, message: InboundMessage, opt_out: OptOut) -> Output:
        event = OptOutRequested(
            account_id=opt_out.account_id,
            scope=opt_out.scope,
            pseudonym=opt_out.pseudonym,
            at=message.received_at,
            source=OptOutSource.KEYWORD,
        )
        key = opt_out_key(opt_out.account_id, opt_out.scope, opt_out.pseudonym)
        event_id = f"{message.id}:opt-out:{opt_out.account_id}"
        return self._write(topics.OPT_OUTS, 0, event, event_id=event_id, time=event.at, subject=key)

    def _reply(self, message: InboundMessage, account: AccountId, text: str, actor: str) -> Iterator[Output]:
        """Nothing when the message was erased meanwhile: there is nobody to answer any more."""
        to = self._opened(message, "from", message.from_)
        if not to or not text:
            return
        at, reply_id = message.received_at, message.reply_id(account)
        lane = LANE_OF[_CATEGORY]
        event = SendRequested(
            message_id=reply_id,
            account_id=account,
            to=self._sealer.seal(account, reply_id, "to", to, at),
            sender=message.to,
            content=self._sealer.seal(account, reply_id, "content", text, at),
            lane=lane,
            category=_CATEGORY,
            requested_at=at,
            valid_until=at + _VALID,
            door=Door.INBOUND,
            actor=Actor(key_id=actor),
            reference=message.id,
        )
        yield self._write(
            topics.requests(lane),
            partition_of(reply_id, self._partitions),
            event,
            event_id=f"{reply_id}:requested",
            time=at,
            subject=reply_id,
        )

    def _order(self, message: InboundMessage, account: AccountId) -> Iterator[Output]:
        """A charged reply: the message itself is the consent to it (R-76)."""
        to, text = self._opened(message, "from", message.from_), self._opened(message, "reply", message.reply)
        premium, at, transaction_id = message.premium, message.received_at, message.transaction_id(account)
        if premium is None or not to or not text:
            return
        event = PremiumOrdered(
            transaction_id=transaction_id,
            account_id=account,
            kind=PremiumKind.REPLY,
            ordered_at=at,
            terms=PremiumTerms(
                merchant_id=premium.merchant_id,
                short_number=message.to,
                service_code=premium.service_code,
                price=premium.price,
                invoice_text=premium.invoice_text,
                business_model=premium.business_model,
                age=premium.age,
            ),
            to=self._sealer.seal(account, transaction_id, "to", to, at),
            pseudonym=message.pseudonym,
            content=self._sealer.seal(account, transaction_id, "content", text, at),
            consent=Consent(kind=ConsentKind.INBOUND, at=at, reference=message.id),
            inbound_id=message.id,
            keyword=message.keyword,
            reference=message.id,
        )
        yield self._write(
            topics.PREMIUM_ORDERS,
            partition_of(transaction_id, self._partitions),
            event,
            event_id=f"{transaction_id}:ordered",
            time=at,
            subject=transaction_id,
        )

    def _routed(self, message: InboundMessage, account: AccountId, partition: int) -> Output:
        answered = message.action is InboundAction.REPLY or any(
            each.new and each.account_id == account for each in message.opt_outs
        )
        event = InboundRouted(
            inbound_id=message.id,
            account_id=account,
            operator=message.operator,
            to=message.to,
            from_=message.from_,
            content=message.content,
            coding=message.coding,
            pseudonym=message.pseudonym,
            received_at=message.received_at,
            action=message.action,
            keyword=message.keyword,
            reply_id=message.reply_id(account) if answered else None,
            transaction_id=message.transaction_id(account) if message.action is InboundAction.PREMIUM_REPLY else None,
            webhook=message.webhook,
            parts=message.parts,
            missing_parts=message.missing,
        )
        key = f"{message.to}|{message.pseudonym}"
        return self._write(
            topics.INBOUND_EVENTS, partition, event, event_id=message.id, time=message.received_at, subject=key
        )

    def _opened(self, message: InboundMessage, field: str, sealed: Sealed | None) -> str:
        """The text of a field; empty when it was erased."""
        if sealed is None:
            raise BadRecord("field_missing", f"the message has no {field}")
        text = self._sealer.open(message.keeper, message.id, field, sealed)
        return "" if isinstance(text, Erased) else text
