"""What finance is told (v1): usage on `billing.usage`, invoices and closed months on `billing.invoices`.

No event here holds a number, a text, a message id or a pseudonym. Amounts are whole øre in `currency`, unit prices
decimal crowns as text. Days and months are those of Europe/Oslo, written `YYYY-MM-DD` and `YYYY-MM`.

Everything is told at least once. An event that comes again has the same id and the same content; of `DailyUsage` the
highest `version` of a `usage_id` counts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from shared.contracts.events import Account, Event, Utc
from shared.contracts.words import Category

Month = Annotated[str, msgspec.Meta(pattern=r"\A20[0-9]{2}-[0-9]{2}\Z")]
Day = Annotated[str, msgspec.Meta(pattern=r"\A20[0-9]{2}-[0-9]{2}-[0-9]{2}\Z")]
UnitPrice = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,9}(?:\.[0-9]{1,6})?\Z")]
Count = Annotated[int, msgspec.Meta(ge=0)]


class LineKind(StrEnum):
    """What a line of an invoice is for."""

    USAGE = "usage"
    """Parts of messages of the invoice's own month."""
    ADJUSTMENT = "adjustment"
    """Parts of messages of an earlier month that became known after that month was closed."""
    SUBSCRIPTION = "subscription"
    SET_UP = "set_up"


class DailyUsage(Event, frozen=True, kw_only=True):
    """What an account used on one day, by the time at which its messages were accepted, as far as it is known now.

    One row for each (account, day, operator, country, category); `usage_id` names it. `parts` is what is charged.
    """

    usage_id: str
    version: int
    account_id: Account
    day: Day
    operator: str
    country: str
    category: Category
    messages: Count
    parts: Count


class UsageBooked(Event, frozen=True, kw_only=True):
    """So much of a `DailyUsage` is in the books of a month that was closed. Never changes.

    What becomes known later, or waited for a customer, is booked in a later month, however old it is: the sum over all
    bookings of a `usage_id` is what was charged.
    `price_row` names the row of the price plan, and so the lines of the invoice that it went into.
    """

    booking_id: str
    period: Month
    customer_id: str
    usage_id: str
    account_id: Account
    day: Day
    operator: str
    country: str
    category: Category
    price_row: str
    messages: Count
    parts: Count


class UsageWrittenOff(Event, frozen=True, kw_only=True):
    """So much of a `DailyUsage` will never be charged, because finance decided so. Never changes.

    What is used is booked, written off, or waits for the next close.
    """

    write_off_id: str
    usage_id: str
    account_id: Account
    day: Day
    operator: str
    country: str
    category: Category
    messages: Count
    parts: Count


class InvoicedLine(Event, frozen=True, kw_only=True):
    """One line. `net` is `quantity` times `unit_price`, rounded half up.

    Of usage and adjustments, `account_id`, `month` and `price_row` say which bookings it stands for: the quantities of
    all lines with the same three are the sum of their parts. `vat_rate` is that of `month`, per cent.
    """

    line: int
    kind: LineKind
    text: str
    quantity: int
    unit_price: UnitPrice
    net: int
    month: Month
    vat_rate: str
    account_id: Account | None = None
    price_row: str | None = None


class InvoiceIssued(Event, frozen=True, kw_only=True):
    """An invoice exists, with a number of an unbroken series, and never changes. `net`, `vat` and `total` are øre.

    `vat` is the sum of what each rate comes to on the net of its lines. `vat_code` is of SAF-T; `document_sha256` is of
    the EHF document in hexadecimal.
    """

    number: int
    customer_id: str
    organisation_number: str
    period: Month
    issued_on: Day
    due_on: Day
    lines: tuple[InvoicedLine, ...]
    net: int
    vat: int
    total: int
    vat_code: str
    kid: str
    document_sha256: str
    currency: str


class PeriodClosed(Event, frozen=True, kw_only=True):
    """A month is closed: these are all of its bookings and invoices, told before this."""

    period: Month
    closed_at: Utc
    bookings: Count
    messages: Count
    parts: Count
    invoices: Count
    net: int
    vat: int
    total: int
    currency: str
