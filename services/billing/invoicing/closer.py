"""Closes months: takes a close that was asked for through its steps, and on where a crash left it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Final

from services.billing.invoicing.closing import Closing, ClosingState, Terms, faults_of, faults_of_series, faults_with
from services.billing.invoicing.document import invoice_of
from services.billing.invoicing.drafting import Line, lines_of
from services.billing.invoicing.ehf import ehf
from services.billing.invoicing.parties import Customer, Seller
from services.billing.invoicing.records import Records
from services.billing.invoicing.store import Issued
from services.billing.invoicing.telling import Teller
from services.billing.pricing.book import PriceBook
from shared.clock import Clock
from shared.kafka.record import Output
from shared.money.periods import Day, day_of, last_day
from shared.telemetry.logs import get_log

_log = get_log()

Send = Callable[[Sequence[Output]], Awaitable[None]]
"""`shared.kafka.sending.Sender.send`: returns once all replicas have everything; raises `TryLater`."""

_AT_ONCE: Final = 500
_INVOICES_AT_ONCE: Final = 20
"""An invoice has its document with it, of a thousand lines perhaps."""
_MOST_FAULTS: Final = 100
_INVOICES: Final = "invoice "
"""How far telling has come begins so once all bookings are told, whose ids begin with a digit."""


class Closer:
    """One step after the other, each of which may be begun again by anybody at any time, and does then what is left.

    claim    what the close goes by is written down: prices, seller, the date of the invoices
    book     what is open of the daily sums, under the month's lock
    issue    an invoice per customer, in the order of their ids, each with the next number in one transaction
    tell     daily sums, bookings and invoices, then that the month is closed; told twice it is the same

    Customers, bookings and invoices are taken some at a time, and how far a step has come is on record.
    """

    def __init__(
        self,
        records: Records,
        send: Send,
        clock: Clock,
        prices: PriceBook,
        seller: Seller,
        *,
        tell_usage: Callable[[], Awaitable[int]],
    ) -> None:
        """`tell_usage` sums what was used until now, and tells finance: nothing is booked that is in no sum."""
        self._records = records
        self._tell_usage = tell_usage
        self._send = send
        self._clock = clock
        self._prices = prices
        self._seller = seller
        self._tell = Teller()
        self._steps = {
            ClosingState.REQUESTED: self._claim,
            ClosingState.CLAIMED: self._book,
            ClosingState.BOOKED: self._issue,
            ClosingState.ISSUED: self._finish,
        }

    async def step(self) -> bool:
        """Take one step of the oldest close that is not at its end; False when there is none. Raises `TryLater`."""
        closing = await self._records.closings.to_work_on()
        if closing is None:
            return False
        await self._steps[closing.state](closing)
        return True

    async def tell_write_offs(self) -> bool:
        """Tell finance some of what it has not heard of; False when there is nothing. Raises `TryLater`."""
        untold = await self._records.write_offs.untold()
        if untold:
            await self._send([self._tell.write_off(one) for one in untold])
            await self._records.write_offs.mark_told(untold)
        return bool(untold)

    async def _claim(self, closing: Closing) -> None:
        now = self._clock.now()
        terms = Terms(at=now, issued_on=date.fromisoformat(day_of(now)), prices=self._prices, seller=self._seller)
        found, months = list[str](), {closing.period}
        next_number = await self._records.books.next_number(self._seller.first_number)
        async for customers in self._records.customers.as_of(closing.turn):
            accounts = [account for one in customers for account in one.accounts]
            next_number += len(customers)
            months |= await self._records.sums.open_months(accounts, before=terms.prices.taxed_since)
            found += [fault for one in customers for fault in faults_with(terms.prices, one, closing.period)]
            del found[_MOST_FAULTS:]
        series = faults_of_series(terms.seller, next_number - 1)
        found = [*faults_of(terms.prices, sorted(months)), *series, *found]
        if found:
            _log.error("close_refused", period=closing.period, faults=found)
            await self._records.closings.advance(closing, ClosingState.REFUSED, faults=tuple(found))
            return
        await self._records.closings.advance(closing, ClosingState.CLAIMED, terms=terms)

    async def _book(self, closing: Closing) -> None:
        terms, until = closing.agreed(), Day(last_day(closing.period).isoformat())
        # What became known after the claim of a month without a rate of VAT stays open: the next close is refused.
        since = Day(terms.prices.taxed_since.isoformat())
        sums, books = self._records.sums, self._records.books
        await self._tell_usage()
        async for customers in self._records.customers.as_of(closing.turn, after=closing.reached):
            for one in customers:
                plan = terms.prices.plan(one.plan)
                while ids := await sums.open_of(
                    one.accounts, until, limit=_AT_ONCE, since=since, beside=closing.period
                ):
                    if not await books.book(closing, one, plan, ids):
                        return
            await self._records.closings.reach(closing, customers[-1].customer_id)
        await self._records.closings.advance(closing, ClosingState.BOOKED)

    async def _issue(self, closing: Closing) -> None:
        terms = closing.agreed()
        async for customers in self._records.customers.as_of(closing.turn, after=closing.reached):
            for one in customers:
                lines = await self._lines(closing, one)
                if sum(line.net for line in lines):
                    await self._records.books.issue(
                        closing.period,
                        one,
                        terms.seller.first_number,
                        lambda number, one=one, lines=lines: _issued(closing, one, lines, number),  # type: ignore[misc]
                    )
            await self._records.closings.reach(closing, customers[-1].customer_id)
        await self._records.closings.advance(closing, ClosingState.ISSUED)

    async def _finish(self, closing: Closing) -> None:
        await self._tell_usage()
        if not closing.reached.startswith(_INVOICES):
            await self._tell_bookings(closing)
        await self._tell_invoices(closing)
        figures = await self._records.books.figures(closing.period)
        await self._send([self._tell.closed(closing, figures)])
        if await self._records.closings.advance(closing, ClosingState.CLOSED, figures=figures):
            _log.info("period_closed", period=closing.period, invoices=figures.invoices, bookings=figures.bookings)

    async def _tell_bookings(self, closing: Closing) -> None:
        after = closing.reached
        while bookings := await self._records.books.bookings(closing.period, after=after, limit=_AT_ONCE):
            await self._send([self._tell.booking(closing, one) for one in bookings])
            after = bookings[-1].booking_id
            await self._records.closings.reach(closing, after)

    async def _tell_invoices(self, closing: Closing) -> None:
        after = int(closing.reached.removeprefix(_INVOICES)) if closing.reached.startswith(_INVOICES) else 0
        while invoices := await self._records.books.invoices(
            period=closing.period, after=after, limit=_INVOICES_AT_ONCE
        ):
            await self._send([self._tell.invoice(closing, one) for one in invoices])
            after = invoices[-1].number
            await self._records.closings.reach(closing, f"{_INVOICES}{after:012d}")

    async def _lines(self, closing: Closing, customer: Customer) -> list[Line]:
        books = self._records.books
        now = await books.places(closing.period, customer.customer_id)
        months = {place.month for place in now}
        before = await books.places_before(customer.accounts, months, closing.period)
        return lines_of(closing.period, customer, closing.agreed().prices, now, before)


def _issued(closing: Closing, customer: Customer, lines: Sequence[Line], number: int) -> Issued:
    terms = closing.agreed()
    invoice = invoice_of(
        number=number,
        period=closing.period,
        issued_on=terms.issued_on,
        seller=terms.seller,
        customer=customer,
        lines=lines,
    )
    document = ehf(invoice)
    return Issued(
        number=number,
        period=closing.period,
        customer_id=customer.customer_id,
        accounts=customer.accounts,
        invoice=invoice,
        document=document,
        sha256=hashlib.sha256(document).hexdigest(),
    )
