"""What the gateway answers about customers, months and invoices, and the calls for it. Amounts are whole øre."""

from __future__ import annotations

from collections.abc import Sequence
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
    """All."""

    periods: tuple[Period, ...]


class Customer(msgspec.Struct, frozen=True):
    """A customer, as far as a list shows it."""

    customer_id: str
    name: str
    organisation_number: str
    plan: str
    accounts: tuple[str, ...]


class Customers(msgspec.Struct, frozen=True):
    """All."""

    customers: tuple[Customer, ...]


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
    """Several."""

    invoices: tuple[Invoice, ...]


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

    def periods(self) -> tuple[Periods, bytes]:
        """All closes."""
        return self._ask("GET", _path("periods"), Periods)

    def set_customer(self, customer: str, record: object) -> tuple[Customer, bytes]:
        """Set a customer's record."""
        return self._ask("POST", _path("customers", customer), Customer, record)

    def customers(self) -> tuple[Customers, bytes]:
        """All customers."""
        return self._ask("GET", _path("customers"), Customers)

    def invoices(self, month: str | None) -> tuple[Invoices, bytes]:
        """All invoices, or those of a month."""
        query = "" if month is None else f"?{urlencode({'period': month})}"
        return self._ask("GET", _path("invoices") + query, Invoices)

    def invoice(self, number: int) -> tuple[Invoice, bytes]:
        """One invoice."""
        return self._ask("GET", _path("invoices", str(number)), Invoice)

    def document(self, number: int) -> bytes:
        """Its EHF document."""
        return self._gateway.octets(_path("invoices", str(number), "ehf"), unsent=_NOT_ASKED, lost=_AGAIN)

    def _ask(self, method: str, path: str, kind: type[A], body: object = None) -> tuple[A, bytes]:
        return self._gateway.ask(method, path, kind, body, unsent=_NOT_ASKED, lost=_AGAIN)


def _path(*steps: str) -> str:
    return "/admin/books/" + "/".join(quote(step, safe="") for step in steps)
