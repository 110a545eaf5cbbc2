"""What is known of a charge and of its reversal: the fold of everything that `premium.events` says of the two.

The fold does not depend on the order in which events come, nor on how often: of each leg the event with the highest
sequence speaks, and money that was once said to have moved has moved. Strex takes nothing back but by a reversal.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from services.billing.premium.entry import Line
from shared.contracts.premium import Billed, PremiumChanged, PremiumKind, PremiumStatus, TransactionId
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.money.periods import Day, day_of

FREE: Final = frozenset({"89001"})
"""Service codes that charge nothing, whatever the price says."""


class Standing(StrEnum):
    """Where a transaction stands in the books."""

    OPEN = "open"
    """Whether money moved is not known; booked nowhere."""
    NOT_BILLED = "not_billed"
    BILLED = "billed"
    REVERSING = "reversing"
    """Booked as charged; what becomes of its reversal is not known yet."""
    REVERSED = "reversed"
    DISPUTED = "disputed"
    """Strex said that it was billed, and later that it was not; or that it was reversed, and never that it was billed.
    The books keep what was booked; a person finds out."""


UNSETTLED: Final = frozenset({Standing.OPEN, Standing.REVERSING, Standing.DISPUTED})
"""Listed until somebody knows."""


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """The charge, or its reversal. `moved`: some event said that money moved."""

    sequence: int
    status: PremiumStatus
    billed: Billed
    moved: bool
    at: datetime
    ordered_at: datetime
    detail: str | None = None
    created_at: datetime | None = None


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A charge with its reversal. `price` is what the user paid, in øre.

    `lines` is what was booked for the charge, empty while nothing is; `countered` tells that its reversal is booked.
    """

    id: TransactionId
    account_id: AccountId
    merchant_id: str
    short_number: str
    service_code: str
    price: int
    business_model: str | None = None
    invoice_text: str | None = None
    pseudonym: str | None = None
    reference: str | None = None
    charge: Leg | None = None
    reversal: Leg | None = None
    lines: tuple[Line, ...] = ()
    countered: bool = False

    @property
    def counts(self) -> bool:
        """Whether there is anything to book."""
        return self.price > 0 and self.service_code not in FREE

    @property
    def day(self) -> Day | None:
        """The day of the user's order, in Oslo; it decides the month. None while only the reversal is known."""
        return None if self.charge is None else day_of(self.charge.ordered_at)

    @property
    def standing(self) -> Standing:
        """Where it stands."""
        if self.charge is None:
            return Standing.DISPUTED if self.reversal is not None and self.reversal.moved else Standing.OPEN
        if not self.charge.moved:
            if self.reversal is not None and self.reversal.moved:
                return Standing.DISPUTED
            return Standing.NOT_BILLED if self.charge.billed is Billed.FALSE else Standing.OPEN
        if self.charge.billed is Billed.FALSE:
            return Standing.DISPUTED
        if self.reversal is None or (not self.reversal.moved and self.reversal.billed is Billed.FALSE):
            return Standing.BILLED
        return Standing.REVERSED if self.reversal.moved else Standing.REVERSING


def leg_day(leg: Leg) -> Day:
    """The day in Oslo by Strex's own time, by ours until it told one: the day of the file that has it."""
    return day_of(leg.created_at or leg.ordered_at)


def charge_of(event: PremiumChanged) -> TransactionId:
    """The id of the charge that an event speaks of. Raises `BadRecord` for a reversal of nothing."""
    if event.kind is not PremiumKind.REVERSAL:
        return event.transaction_id
    if event.reversal_of is None:
        raise BadRecord("reversal_of_nothing", "a reversal names the charge that it reverses")
    return event.reversal_of


def fold(known: Transaction | None, event: PremiumChanged) -> Transaction:
    """What is known after an event.

    Raises `BadRecord` (`premium_contradiction`) when it names another account, merchant, short number, service or
    price than before: nobody can book that, so a person has to look. What was erased, pseudonym and reference, does
    not come back.
    """
    told = _told(event)
    if known is None:
        return told
    if _terms(told) != _terms(known):
        raise BadRecord("premium_contradiction", "the event speaks of other terms than those before it")
    begins = known.charge is None
    return msgspec.structs.replace(
        known,
        business_model=known.business_model or told.business_model,
        invoice_text=known.invoice_text or told.invoice_text,
        pseudonym=known.pseudonym or (told.pseudonym if begins else None),
        reference=known.reference or (told.reference if begins else None),
        charge=_joined(known.charge, told.charge),
        reversal=_joined(known.reversal, told.reversal),
    )


def _told(event: PremiumChanged) -> Transaction:
    """What one event says by itself."""
    leg = Leg(
        sequence=event.sequence,
        status=event.status,
        billed=event.billed,
        moved=event.billed is Billed.TRUE,
        at=event.at,
        ordered_at=event.ordered_at,
        detail=event.detail,
        created_at=event.created_at,
    )
    is_reversal = event.kind is PremiumKind.REVERSAL
    return Transaction(
        id=charge_of(event),
        account_id=event.account_id,
        merchant_id=event.merchant_id,
        short_number=event.short_number,
        service_code=event.service_code,
        price=-event.price if is_reversal else event.price,
        business_model=event.business_model,
        invoice_text=event.invoice_text,
        pseudonym=event.pseudonym,
        reference=None if is_reversal else event.reference,
        charge=None if is_reversal else leg,
        reversal=leg if is_reversal else None,
    )


def _terms(one: Transaction) -> tuple[object, ...]:
    return one.account_id, one.merchant_id, one.short_number, one.service_code, one.price


def _joined(one: Leg | None, other: Leg | None) -> Leg | None:
    if one is None or other is None:
        return one or other
    last = other if other.sequence > one.sequence else one
    return msgspec.structs.replace(last, moved=one.moved or other.moved)
