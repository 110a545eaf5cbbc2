"""Orders as retention keeps them, and how they are made. Pure.

An order's id says what it is about, so whoever makes the same order again makes no other: of one account a night's
purge is ordered once, however many processes there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from services.retention.hold import HoldId
from shared.contracts.privacy import Basis, OrderId, OrderKind, PrivacyAnswered, PrivacyOrdered, Pseudonym
from shared.ids import AccountId
from shared.money.periods import day_of
from shared.privacy.holds import Held

SERVICES: Final = ("billing", "dispatch", "dlr", "ingest")
"""Who has to answer: every owner of personal data."""


class OrderState(StrEnum):
    """Where an order is."""

    OPEN = "open"
    PARTIAL = "partial"
    """Not everybody has answered in time; the alarm was told."""
    FINISHED = "finished"
    WITHHELD = "withheld"
    """A legal hold covers it: it was not ordered, or was stopped. It is ordered when the hold is closed."""


class Answer(msgspec.Struct, frozen=True):
    """What a service said last. `counts`: deleted and held by store."""

    complete: bool
    finished_at: datetime
    counts: Mapping[str, tuple[int, int]] = {}


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order. The event goes once it is finished, for then nobody needs its pseudonyms; `scope` stays.

    `actor` is the id of the key that asked, or `retention` for a nightly purge. `withheld_until` is when the hold that
    withheld it was closed; `proof` is the hash of the newest record about it.
    """

    order_id: OrderId = msgspec.field(name="_id")
    account_id: AccountId
    kind: OrderKind
    basis: Basis
    ordered_at: datetime
    actor: str
    scope: str
    state: OrderState
    event: PrivacyOrdered | None = None
    held: int = 0
    answers: Mapping[str, Answer] = {}
    finished_at: datetime | None = None
    unpublished: bool = False
    withheld_until: datetime | None = None
    proof: str | None = None

    @property
    def answered(self) -> bool:
        """Whether everybody has said that it is done."""
        return all(name in self.answers and self.answers[name].complete for name in SERVICES)


def scope_of(event: PrivacyOrdered) -> str:
    """What an order is about, for the proof: a time, or a digest from which nobody finds the person. Who knows the
    number makes the pseudonyms again, and so the digest.
    """
    if event.kind is OrderKind.PURGE:
        return f"before {event.before.isoformat() if event.before else ''}"
    return f"sha256 {hashlib.sha256(','.join(sorted(event.pseudonyms)).encode()).hexdigest()}"


def erasure(account: AccountId, pseudonyms: tuple[Pseudonym, ...], basis: Basis, at: datetime) -> PrivacyOrdered:
    """The order to erase a person: of what there is at this time, so that asked at another it is another."""
    asked = ",".join([*sorted(pseudonyms), at.isoformat()])
    digest = hashlib.sha256(asked.encode()).hexdigest()[:24]
    return PrivacyOrdered(
        order_id=OrderId(f"erase-{account}-{day_of(at)}-{digest}"),
        kind=OrderKind.ERASE,
        account_id=account,
        basis=basis,
        ordered_at=at,
        pseudonyms=pseudonyms,
    )


def purge(
    account: AccountId,
    night: date,
    before: datetime,
    held: Held,
    at: datetime,
    *,
    basis: Basis = Basis.RETENTION,
    closed: HoldId | None = None,
) -> PrivacyOrdered:
    """A night's order to purge an account; with `closed` the one that follows the end of a hold."""
    return PrivacyOrdered(
        order_id=OrderId(f"purge-{account}-{night}" + (f"-{closed}" if closed else "")),
        kind=OrderKind.PURGE,
        account_id=account,
        basis=basis,
        ordered_at=at,
        before=before,
        held=held.pseudonyms,
    )


def drafted(event: PrivacyOrdered, actor: str, held: Held) -> Order:
    """The row of an order: to be published, or withheld where a hold covers it. A purge that is withheld is never
    ordered: the one that follows the end of the hold takes all that it would have taken.
    """
    withheld = held.stops(event)
    dropped = withheld and event.kind is OrderKind.PURGE
    return Order(
        order_id=event.order_id,
        account_id=event.account_id,
        kind=event.kind,
        basis=event.basis,
        ordered_at=event.ordered_at,
        actor=actor,
        scope=scope_of(event),
        state=OrderState.WITHHELD if withheld else OrderState.OPEN,
        event=None if dropped else event,
        held=len(event.held) or int(withheld),
        unpublished=not withheld,
    )


def answered(order: Order, answer: PrivacyAnswered) -> Order:
    """The order after an answer. A complete one stays; what comes twice is the same again."""
    known = order.answers.get(answer.service)
    if known is not None and known.complete:
        return order
    said = Answer(
        complete=answer.complete,
        finished_at=answer.finished_at,
        counts={count.store: (count.deleted, count.held) for count in answer.counts},
    )
    return msgspec.structs.replace(order, answers={**order.answers, answer.service: said})
