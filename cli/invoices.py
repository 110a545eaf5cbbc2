"""What the gateway answers about customers, months and invoices, and the calls for it. Amounts are whole øre."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from cli.gateway import Gateway

A = TypeVar("A")

CLOSED: Final = "closed"
REFUSED: Final = "refused"

_NOT_ASKED: Final = "nothing was changed"
_AGAIN: Final = "whether it was done is not known; asking again is safe and does it once"


class Figures(msgspec.Struct, frozen=True):
    """What a close came to."""

    messages: int
    parts: int
    invoices: int
    net: int
    vat: int
    total: int


class Period(msgspec.Struct, frozen=True):
    """A month's close."""

    period: str
    state: str
    early: bool = False
    faults: tuple[str, ...] = ()
    figures: Figures | None = None


class Periods(msgspec.Struct, frozen=True):
    """A page."""

    periods: tuple[Period, ...]
    cursor: str | None = None


class Customer(msgspec.Struct, frozen=True):
    """A customer, as far as a list shows it."""

    customer_id: str
    name: str
    organisation_number: str
    plan: str
    accounts: tuple[str, ...]


class Customers(msgspec.Struct, frozen=True):
    """A page."""

    customers: tuple[Customer, ...]
    cursor: str | None = None


class Waits(msgspec.Struct, frozen=True):
    """Usage of a closed month of an account that no close has taken."""

    account: str
    month: str
    messages: int
    parts: int
    customer: str | None = None


class Waiting(msgspec.Struct, frozen=True):
    """A page."""

    waiting: tuple[Waits, ...]
    cursor: str | None = None


class WrittenOff(msgspec.Struct, frozen=True):
    """How much was written off."""

    messages: int
    parts: int


class Line(msgspec.Struct, frozen=True):
    """One line of an invoice."""

    line: int
    kind: str
    text: str
    quantity: int
    unit_price: str
    net: int


class Invoice(msgspec.Struct, frozen=True):
    """An invoice."""

    number: int
    customer: str
    period: str
    issued_on: str
    due_on: str
    net: int
    vat: int
    total: int
    kid: str
    lines: tuple[Line, ...]


class Invoices(msgspec.Struct, frozen=True):
    """A page."""

    invoices: tuple[Invoice, ...]
    cursor: str | None = None


P = TypeVar("P", Periods, Customers, Waiting, Invoices)


class Billing:
    """The calls. Each returns the answer and its octets, and raises `Refusal` or `Unreachable`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def close(self, month: str, *, early: bool, leave: Sequence[str]) -> tuple[Period, bytes]:
        """Ask for the close of a month."""
        body: dict[str, Any] = {"early": early, "leave": list(leave)}
        return self._ask("POST", _path("periods", month, "close"), Period, body)

    def period(self, month: str) -> tuple[Period, bytes]:
        """How far a close is."""
        return self._ask("GET", _path("periods", month), Period)

    def periods(self) -> Iterator[tuple[Periods, bytes]]:
        """All closes, newest first, page by page."""
        return self._pages(_path("periods"), Periods)

    def set_customer(self, customer: str, record: object) -> tuple[Customer, bytes]:
        """Set a customer's record."""
        return self._ask("POST", _path("customers", customer), Customer, record)

    def customers(self) -> Iterator[tuple[Customers, bytes]]:
        """All customers, page by page."""
        return self._pages(_path("customers"), Customers)

    def waiting(self) -> Iterator[tuple[Waiting, bytes]]:
        """What no close has taken, page by page."""
        return self._pages(_path("waiting"), Waiting)

    def waits(self, account: str, month: str) -> Waits | None:
        """What no close has taken of a month of an account; None: nothing."""
        every = (one for page, _ in self.waiting() for one in page.waiting)
        return next((one for one in every if (one.account, one.month) == (account, month)), None)

    def write_off(self, account: str, month: str, reason: str) -> tuple[WrittenOff, bytes]:
        """Have usage of a closed month never charged."""
        return self._ask("POST", _path("waiting", account, month, "write-off"), WrittenOff, {"reason": reason})

    def invoices(self, month: str | None) -> Iterator[tuple[Invoices, bytes]]:
        """All invoices, or those of a month, page by page."""
        return self._pages(_path("invoices"), Invoices, **({} if month is None else {"period": month}))

    def invoice(self, number: int) -> tuple[Invoice, bytes]:
        """One invoice."""
        return self._ask("GET", _path("invoices", str(number)), Invoice)

    def document(self, number: int) -> bytes:
        """Its EHF document."""
        return self._gateway.octets(_path("invoices", str(number), "ehf"), unsent=_NOT_ASKED, lost=_AGAIN)

    def _pages(self, path: str, kind: type[P], **query: str) -> Iterator[tuple[P, bytes]]:
        while True:
            page, octets = self._ask("GET", f"{path}?{urlencode(query)}" if query else path, kind)
            yield page, octets
            if page.cursor is None:
                return
            query["cursor"] = page.cursor

    def _ask(self, method: str, path: str, kind: type[A], body: object = None) -> tuple[A, bytes]:
        return self._gateway.ask(method, path, kind, body, unsent=_NOT_ASKED, lost=_AGAIN)


def _path(*steps: str) -> str:
    return "/admin/books/" + "/".join(quote(step, safe="") for step in steps)
