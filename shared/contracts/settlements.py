"""What finance is told of premium (v1): statements and settlements, payouts, refunds.

No event here holds a number, a text or a pseudonym. Amounts are whole øre in `currency`; days and months are those of
Europe/Oslo. Everything is told at least once, a repeat with the same id and the same content; statements, settlements
and payouts never change once told, of a refund the highest `version` counts.
"""

from __future__ import annotations

from enum import StrEnum

from shared.contracts.billing import Count, Day, Month
from shared.contracts.events import Account, Event, Utc
from shared.contracts.premium import ServiceCode, Transaction


class StatedKind(StrEnum):
    """What a line of a statement adds up."""

    CHARGE = "charge"
    REVERSAL = "reversal"


class PayoutHeld(StrEnum):
    """Why a payout pays nothing now; the amount is carried forward."""

    UNDER_MINIMUM = "under_minimum"
    """It has not come to NOK 100 (R-75)."""
    DEBT = "debt"
    """Reversals were more than charges; what comes later is set off."""


class RefundWord(StrEnum):
    """Where a refund is."""

    REQUESTED = "requested"
    ORDERED = "ordered"
    REVERSED = "reversed"
    REFUSED = "refused"


class StatedLine(Event, frozen=True, kw_only=True):
    """Charges or reversals of one service, ordered by users in one month: the statement's own, or an earlier one that
    is adjusted. Amounts of reversals are negative.
    """

    month: Month
    kind: StatedKind
    service_code: ServiceCode
    count: Count
    gross: int
    operators: int
    fee: int
    merchant: int


class SettlementStated(Event, frozen=True, kw_only=True):
    """A month of a merchant is closed. `gross` is what users paid; `operators` what Strex and the operators keep of it,
    `fee` our share, `vat` the VAT on that, `net` what the merchant has to its good.

    `open` transactions of `open_amount` were unknown then, and are in no sum; they come in a later month.
    """

    statement_id: str
    account_id: Account
    merchant_id: str
    month: Month
    stated_at: Utc
    lines: tuple[StatedLine, ...]
    gross: int
    operators: int
    fee: int
    vat: int
    net: int
    open: Count
    open_amount: int
    vat_code: str = "3"
    currency: str = "NOK"


class SettlementReceived(Event, frozen=True, kw_only=True):
    """Strex paid us for a month. `difference` is what came beyond `expected`, the sum of all statements."""

    month: Month
    received_on: Day
    received: int
    expected: int
    difference: int
    statements: Count
    currency: str = "NOK"


class PayoutDecided(Event, frozen=True, kw_only=True):
    """What a settled month leads to for an account: `due` = `brought_forward` + `net` = `paid` + `carried`."""

    payout_id: str
    account_id: Account
    month: Month
    brought_forward: int
    net: int
    due: int
    paid: int
    carried: int
    received_on: Day
    pay_on: Day | None = None
    held: PayoutHeld | None = None
    currency: str = "NOK"


class RefundChanged(Event, frozen=True, kw_only=True):
    """A refund of a whole charge moved. The operator pays the user, by `user_paid_by`; nobody tells us when it did."""

    refund_id: str
    version: int
    account_id: Account
    transaction_id: Transaction
    merchant_id: str
    short_number: str
    amount: int
    state: RefundWord
    requested_at: Utc
    changed_at: Utc
    user_paid_by: Day
    requested_by: str | None = None
    reason: str | None = None
    detail: str | None = None
    currency: str = "NOK"
