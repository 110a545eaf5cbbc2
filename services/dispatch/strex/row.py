"""The row of a transaction, and its moves. Pure.

A row stands before Strex is asked. From then on it is looked at, never asked for again: only a row that says that
certainly nothing was asked (`ordered`) lets somebody ask. Reversals alone are asked for anew: their id is that of their
charge, so that money goes back once (ADR 7). Times have the store's precision, milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NewType

import msgspec

from services.dispatch.strex.meaning import Finding
from shared.contracts.premium import (
    Billed,
    PremiumChanged,
    PremiumKind,
    PremiumOrdered,
    PremiumStatus,
    PremiumTerms,
    TransactionId,
)

RowId = NewType("RowId", str)

NOT_TAKEN: Final = "not_taken"
"""Detail of a transaction that Strex never heard of, although it may have been asked."""

ANEW: Final = (1, 6, 36, 144)
"""How often a reversal of which Strex never heard is asked for anew, and when: so many times the time after which what
Strex does not know of was not taken (10 minutes) after the asking before.
"""

_LOOKS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds between two looks at what does not change; the last stays."""
_BACK: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_REBILLED_WITHIN: Final = timedelta(days=35)
_OPEN_WITHIN: Final = timedelta(days=90)
_ENDED: Final = frozenset(
    {PremiumStatus.OK, PremiumStatus.FAILED, PremiumStatus.REVERSED, PremiumStatus.REBILLED, PremiumStatus.REFUSED}
)


class Step(StrEnum):
    """How far we are with Strex."""

    ORDERED = "ordered"
    """Nothing was asked, for certain."""
    ASKING = "asking"
    """Asked, or about to be: nobody asks again, whatever happened."""
    TAKEN = "taken"
    """Strex has it."""
    CLOSED = "closed"
    """Nothing is awaited."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One transaction. `event` is what was told last, or is to be told; with the sequence 0 there is nothing to tell.

    `owner` and `asked_at` are of whoever asks. `anew` counts how often a reversal was asked for without an order,
    `version` all changes of the row.
    """

    id: RowId
    step: Step
    event: PremiumChanged
    age: int = 0
    version: int = 0
    looks: int = 0
    anew: int = 0
    owner: str | None = None
    asked_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def terms(self) -> PremiumTerms:
        """What it is charged for."""
        event = self.event
        return PremiumTerms(
            merchant_id=event.merchant_id,
            short_number=event.short_number,
            service_code=event.service_code,
            price=abs(event.price),
            invoice_text=event.invoice_text or "",
            business_model=event.business_model,
            age=self.age,
        )


def row_id(kind: PremiumKind, transaction_id: TransactionId) -> RowId:
    """A one-time password has the transaction id of its charge, and a row of its own."""
    return RowId(f"{transaction_id}:{kind}" if kind is PremiumKind.ONE_TIME_PASSWORD else transaction_id)


def drafted(order: PremiumOrdered, now: datetime, owner: str, patience: timedelta) -> Row:
    """The row that is written before Strex is asked. Whoever finds it after `patience` looks at what became of it."""
    terms, consent = order.terms, order.consent
    return Row(
        id=row_id(order.kind, order.transaction_id),
        step=Step.ASKING,
        age=terms.age,
        owner=owner,
        asked_at=now,
        due_at=now + patience,
        event=PremiumChanged(
            transaction_id=order.transaction_id,
            account_id=order.account_id,
            kind=order.kind,
            merchant_id=terms.merchant_id,
            short_number=terms.short_number,
            service_code=terms.service_code,
            price=-terms.price if order.kind is PremiumKind.REVERSAL else terms.price,
            billed=Billed.FALSE if order.kind is PremiumKind.ONE_TIME_PASSWORD else Billed.UNKNOWN,
            status=PremiumStatus.UNKNOWN,
            sequence=0,
            at=now,
            ordered_at=milliseconds(order.ordered_at),
            reversal_of=order.reversal_of,
            pseudonym=order.pseudonym,
            business_model=terms.business_model,
            invoice_text=terms.invoice_text,
            consent=None if consent is None else msgspec.structs.replace(consent, at=milliseconds(consent.at)),
            inbound_id=order.inbound_id,
            keyword=order.keyword,
            reason=order.reason,
            reference=order.reference,
        ),
    )


def withheld(row: Row, now: datetime) -> Row:
    """Nothing was asked, after all: the order brings it up again, or, where there was none, the next look."""
    if row.anew:
        return later(row, now)
    return _moved(row, step=Step.ORDERED, due_at=None, owner=None)


def asking(row: Row, now: datetime, owner: str, patience: timedelta) -> Row:
    """Somebody is about to ask."""
    return _moved(row, step=Step.ASKING, owner=owner, asked_at=now, due_at=now + patience)


def is_given_up(row: Row) -> bool:
    """Whether it is a reversal that ended because Strex never took it. Asked for anew it gives money back once: its id
    is that of its charge, and we assume that Strex makes no second one of an id, whatever it answers.
    """
    ended = row.step is Step.CLOSED and row.event.status is PremiumStatus.REFUSED
    return ended and row.event.kind is PremiumKind.REVERSAL


def asking_anew(row: Row, ordered_at: datetime, now: datetime, owner: str, patience: timedelta) -> Row:
    """Somebody is about to ask for what was given up, by an order of that time: it is open again."""
    last = max(row.event.ordered_at, milliseconds(ordered_at))
    opened = _told(row, now, status=PremiumStatus.UNKNOWN, billed=Billed.UNKNOWN, detail=None, ordered_at=last)
    return asking(msgspec.structs.replace(opened, looks=0, anew=0), now, owner, patience)


def taken(row: Row, now: datetime) -> Row:
    """Strex took it. A one-time password is done with that; all else is looked at from now on."""
    if row.event.kind is PremiumKind.ONE_TIME_PASSWORD:
        return _moved(_told(row, now, status=PremiumStatus.OK), step=Step.CLOSED, due_at=None)
    return _moved(_told(row, now, status=PremiumStatus.QUEUED), step=Step.TAKEN, due_at=now, looks=0)


def refused(row: Row, detail: str, now: datetime) -> Row:
    """Strex never took it, for certain."""
    changed = _told(row, now, status=PremiumStatus.REFUSED, billed=Billed.FALSE, detail=detail)
    return _moved(changed, step=Step.CLOSED, due_at=None)


def unanswered(row: Row, now: datetime) -> Row:
    """Nobody knows whether Strex took it."""
    return _moved(_told(row, now, status=PremiumStatus.UNKNOWN), due_at=now, looks=0)


def missing(row: Row, now: datetime, gone_after: timedelta, anew: Sequence[int] = ANEW) -> Row:
    """Strex knows nothing of it. That is certain `gone_after` the asking, when nothing can be on its way any more: then
    a reversal is to be asked for anew (`anew` of the row grows), as often as `anew` says, and all else is given up.
    """
    if row.step is not Step.ASKING or row.asked_at is None:
        return later(row, now)
    again = row.event.kind is PremiumKind.REVERSAL and row.anew < len(anew)
    certain = row.asked_at + gone_after * (anew[row.anew] if again else 1)
    if now < certain:
        told = row if row.event.sequence else _told(row, now, status=PremiumStatus.UNKNOWN)
        after = later(told, now)
        return msgspec.structs.replace(after, due_at=min(after.due_at or certain, certain))
    if again:
        return _moved(row, anew=row.anew + 1, owner=None, asked_at=now, due_at=now + gone_after / 2, looks=0)
    return refused(row, NOT_TAKEN, now)


def found(row: Row, finding: Finding, now: datetime) -> Row:
    """Strex has it, and says this. What is new is to be told; what is not settled is looked at again."""
    fields = {name: value for name, value in msgspec.structs.asdict(finding).items() if value is not None}
    fields["detail"] = finding.detail
    kept = _kept(row.event)
    same = row.event.sequence > 0 and all(kept.get(name) == value for name, value in fields.items() if name in _NEWS)
    changed = row if same else _told(row, now, **fields)
    if _is_closed(finding):
        return _moved(changed, step=Step.CLOSED, due_at=_after_failure(changed, finding, now), looks=0)
    looks = row.looks if same else 0
    return later(msgspec.structs.replace(changed, step=Step.TAKEN, looks=looks), now)


def unseen(row: Row, now: datetime) -> Row:
    """A look that did not come about says nothing of the transaction: Strex may be back soon."""
    after = later(row, now)
    return after if after.due_at is None else msgspec.structs.replace(after, due_at=min(after.due_at, now + _BACK))


def later(row: Row, now: datetime) -> Row:
    """To be looked at again after a while that grows with the looks."""
    age = now - row.event.ordered_at
    wait = timedelta(seconds=_LOOKS[min(row.looks, len(_LOOKS) - 1)])
    due = None if age > _OPEN_WITHIN else now + (_DAY if age > 2 * _DAY else wait)
    return _moved(row, looks=row.looks + 1, due_at=due)


def milliseconds(at: datetime) -> datetime:
    """A time as the store keeps it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


_NEWS: Final = frozenset({"status", "billed", "detail", "delivered", "result_code"})
"""What makes an event: a change of these. The rest is told along with it."""


def _kept(event: PremiumChanged) -> dict[str, Any]:
    return {name: getattr(event, name) for name in _NEWS}


def _is_closed(finding: Finding) -> bool:
    return finding.status in _ENDED and finding.billed is not Billed.UNKNOWN


def _after_failure(row: Row, finding: Finding, now: datetime) -> datetime | None:
    """A failed charge may be billed later: it is looked at once a day for a while."""
    failed = finding.status is PremiumStatus.FAILED and finding.billed is Billed.FALSE
    wanted = failed and row.event.kind in {PremiumKind.CHARGE, PremiumKind.REPLY}
    return now + _DAY if wanted and now - row.event.ordered_at < _REBILLED_WITHIN else None


def _told(row: Row, now: datetime, **fields: Any) -> Row:
    event = msgspec.structs.replace(row.event, sequence=row.event.sequence + 1, at=now, **fields)
    return msgspec.structs.replace(row, event=event)


def _moved(row: Row, **fields: Any) -> Row:
    return msgspec.structs.replace(row, version=row.version + 1, **fields)
