"""Events of premium, and books of them, as the tests of the premium ledger need them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from services.billing.premium.booking import book
from services.billing.premium.entry import Entry, EntryId
from services.billing.premium.terms import read_terms
from services.billing.premium.transaction import Transaction, charge_of, fold
from shared.contracts.premium import Billed, PremiumChanged, PremiumKind, PremiumStatus, TransactionId, reversal_id
from shared.ids import AccountId
from shared.money.periods import Month

START = datetime(2026, 10, 12, 9, 30, tzinfo=UTC)
ACCOUNT = AccountId("demo")
MERCHANT = "mer_test"
TERMS = read_terms()
NEVER = Month("")

_BILLED = {
    PremiumStatus.OK: Billed.TRUE,
    PremiumStatus.REBILLED: Billed.TRUE,
    PremiumStatus.REVERSED: Billed.TRUE,
    PremiumStatus.FAILED: Billed.FALSE,
    PremiumStatus.REFUSED: Billed.FALSE,
}


def transaction_id(number: int) -> TransactionId:
    return TransactionId(f"4f0c7d9e-52ab-8d31-9c6e-{number:012x}")


ID = transaction_id(1)


def changed(
    status: PremiumStatus = PremiumStatus.OK,
    sequence: int = 1,
    *,
    number: int = 1,
    price: int = 4200,
    ordered_at: datetime = START,
    **others: object,
) -> PremiumChanged:
    """A charge that moved; whether it was billed goes by the status."""
    event = PremiumChanged(
        transaction_id=transaction_id(number),
        account_id=ACCOUNT,
        kind=PremiumKind.CHARGE,
        merchant_id=MERCHANT,
        short_number="2002",
        service_code="06002",
        price=price,
        billed=_BILLED.get(status, Billed.UNKNOWN),
        status=status,
        sequence=sequence,
        at=ordered_at + timedelta(seconds=sequence),
        ordered_at=ordered_at,
        pseudonym="2026:5f1d6e0c9a7b43e28d10c4f6b2a39e77",
        business_model="STREX-PAYMENT",
        invoice_text="Bussbillett",
    )
    return msgspec.structs.replace(event, **others)


def reversed_(status: PremiumStatus = PremiumStatus.REVERSED, sequence: int = 1, **others: object) -> PremiumChanged:
    """The reversal of a charge that moved."""
    event = changed(status, sequence, **others)  # type: ignore[arg-type]
    return msgspec.structs.replace(
        event,
        transaction_id=reversal_id(event.transaction_id),
        reversal_of=event.transaction_id,
        kind=PremiumKind.REVERSAL,
        price=-event.price,
    )


def event_id(event: PremiumChanged) -> str:
    return f"{event.transaction_id}:{event.sequence}"


class Books:
    """A ledger in memory, kept as the role keeps the real one."""

    def __init__(self) -> None:
        self.transactions: dict[TransactionId, Transaction] = {}
        self.entries: dict[EntryId, Entry] = {}

    def hear(self, events: Iterable[PremiumChanged], closed: Month = NEVER) -> Books:
        """Take events in, in the order in which they come."""
        for event in events:
            known = self.transactions.get(charge_of(event))
            booked = book(fold(known, event), TERMS, event_id(event), closed)
            self.transactions[booked.transaction.id] = booked.transaction
            for entry in booked.entries:
                assert entry.id not in self.entries, "an entry is made once"
                self.entries[entry.id] = entry
        return self
