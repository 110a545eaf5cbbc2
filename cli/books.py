"""What the gateway answers about the premium books, and the calls that the command makes for it. Money is whole øre."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from cli.gateway import Gateway

A = TypeVar("A")

NOT_ASKED: Final = "nothing was changed"
AGAIN: Final = "whether it was done is not known; asking again is safe and does it once"

_ADMIN: Final = "/admin/books/premium"


class Leg(msgspec.Struct, frozen=True):
    """The charge, or its reversal."""

    status: str
    billed: str
    ordered_at: str
    detail: str | None = None


class Transaction(msgspec.Struct, frozen=True):
    """A transaction."""

    id: str
    account_id: str
    merchant_id: str
    short_number: str
    service_code: str
    price: int
    standing: str
    charge: Leg | None = None
    reversal: Leg | None = None


class Transactions(msgspec.Struct, frozen=True):
    """A page."""

    transactions: tuple[Transaction, ...]
    cursor: str | None = None


class Line(msgspec.Struct, frozen=True):
    """An amount on a ledger account."""

    account: str
    ore: int


class Entry(msgspec.Struct, frozen=True):
    """An entry of the ledger."""

    id: str
    kind: str
    day: str
    month: str
    lines: tuple[Line, ...]


class Booked(msgspec.Struct, frozen=True):
    """A transaction with its entries."""

    transaction: Transaction
    entries: tuple[Entry, ...]


class Refund(msgspec.Struct, frozen=True):
    """A refund."""

    id: str
    transaction_id: str
    price: int
    state: str
    user_paid_by: str
    detail: str | None = None


class Refunds(msgspec.Struct, frozen=True):
    """Refunds."""

    refunds: tuple[Refund, ...]


class Open(msgspec.Struct, frozen=True):
    """Transactions whose outcome is not known."""

    count: int
    ore: int


class Statement(msgspec.Struct, frozen=True):
    """A month of a merchant."""

    account_id: str
    merchant_id: str
    month: str
    gross_ore: int
    operators_ore: int
    fee_ore: int
    vat_ore: int
    net_ore: int
    open: Open


class Payout(msgspec.Struct, frozen=True):
    """What a month leads to for an account."""

    account_id: str
    month: str
    brought_forward_ore: int
    net_ore: int
    paid_ore: int
    carried_ore: int
    pay_on: str | None = None
    held: str | None = None


class Settlement(msgspec.Struct, frozen=True):
    """What Strex should pay for a month, and paid."""

    expected_ore: int
    received_on: str | None = None
    received_ore: int | None = None


class Month(msgspec.Struct, frozen=True):
    """A closed month."""

    month: str
    settlement: Settlement
    statements: tuple[Statement, ...]
    payouts: tuple[Payout, ...]


class Side(msgspec.Struct, frozen=True):
    """A transaction as one side has it."""

    price: int | None
    billed: str


class Finding(msgspec.Struct, frozen=True):
    """A transaction on which books and file differ."""

    transaction_id: str
    difference: str
    ours: Side | None = None
    theirs: Side | None = None


class Unreadable(msgspec.Struct, frozen=True):
    """A row of the file that cannot be used."""

    row: int
    column: str


class Report(msgspec.Struct, frozen=True):
    """A day compared."""

    day: str
    matched: int
    matched_ore: int
    ours_ore: int
    theirs_ore: int
    open: int
    passed_over: int
    findings: tuple[Finding, ...]
    unreadable: tuple[Unreadable, ...]
    not_listed: int = 0


class Reconciled(msgspec.Struct, frozen=True):
    """The report of a day."""

    report: Report


class PremiumBooks:
    """The calls. Each returns the answer and its octets, and raises `Refusal` or `Unreachable`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def transactions(self, account: str | None, standings: Sequence[str]) -> Iterator[tuple[Transactions, bytes]]:
        """All, newest first, page by page."""
        query = {"limit": "200"}
        query |= {"account": account} if account is not None else {}
        query |= {"standing": ",".join(standings)} if standings else {}
        while True:
            page, octets = self._ask("GET", f"{_ADMIN}/transactions?{urlencode(query)}", Transactions)
            yield page, octets
            if page.cursor is None:
                return
            query["cursor"] = page.cursor

    def transaction(self, transaction: str) -> tuple[Booked, bytes]:
        """One, with its entries."""
        return self._ask("GET", f"{_ADMIN}/transactions/{quote(transaction, safe='')}", Booked)

    def refund(self, body: dict[str, Any]) -> tuple[Refunds, bytes]:
        """Ask for refunds, as the account."""
        return self._ask("POST", "/v1/premium/refunds", Refunds, body)

    def close(self, month: str) -> tuple[Month, bytes]:
        """Close and state a month."""
        return self._ask("POST", f"{_ADMIN}/months/{quote(month, safe='')}/close", Month)

    def receive(self, month: str, on: str, ore: int) -> tuple[Month, bytes]:
        """Book what Strex paid for a month."""
        body = {"received_on": on, "amount": ore}
        return self._ask("POST", f"{_ADMIN}/months/{quote(month, safe='')}/receive", Month, body)

    def month(self, month: str) -> tuple[Month, bytes]:
        """A closed month."""
        return self._ask("GET", f"{_ADMIN}/months/{quote(month, safe='')}", Month)

    def reconcile(self, day: str) -> tuple[Reconciled, bytes]:
        """Compare a day with the daily file."""
        return self._ask("POST", f"{_ADMIN}/days/{quote(day, safe='')}/reconcile", Reconciled)

    def _ask(self, method: str, path: str, kind: type[A], body: dict[str, Any] | None = None) -> tuple[A, bytes]:
        return self._gateway.ask(method, path, kind, body, unsent=NOT_ASKED, lost=AGAIN)
