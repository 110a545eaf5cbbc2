"""Closes months: takes a close that was asked for through its steps, and on where a crash left it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Final

from services.billing.invoicing.booking import REACH, bookings_of, sums
from services.billing.invoicing.closing import Closing, ClosingState, Figures, Terms, faults_of
from services.billing.invoicing.document import invoice_of
from services.billing.invoicing.drafting import Line, lines_of, places
from services.billing.invoicing.ehf import ehf
from services.billing.invoicing.parties import Customer, Seller
from services.billing.invoicing.store import Books, Issued
from services.billing.invoicing.telling import Teller
from services.billing.pricing.book import PriceBook
from services.billing.usage.store import UsageStore
from shared.clock import Clock
from shared.kafka.record import Output
from shared.money.amounts import Ore
from shared.money.periods import Day, Month, day_of, first_day, last_day, moved
from shared.telemetry.logs import get_log

_log = get_log()

Send = Callable[[Sequence[Output]], Awaitable[None]]
"""`shared.kafka.sending.Sender.send`: returns once all replicas have everything; raises `TryLater`."""

_AT_ONCE: Final = 500


class Closer:
    """One step after the other, each of which may be begun again by anybody at any time, and does then what is left.

    claim    what the close goes by is written down: prices, seller, customers, the date of the invoices
    book     what the ledger has beyond the books of earlier months, added under the month's lock
    issue    an invoice per customer, in the order of their ids, each with the next number in one transaction
    tell     daily sums, bookings and invoices, then that the month is closed; told twice it is the same
    """

    def __init__(
        self,
        books: Books,
        ledger: UsageStore,
        send: Send,
        clock: Clock,
        prices: PriceBook,
        seller: Seller,
        *,
        tell_usage: Callable[[], Awaitable[int]],
    ) -> None:
        """`tell_usage` tells finance every daily sum that changed, so that none is booked that it has not heard of."""
        self._books = books
        self._tell_usage = tell_usage
        self._ledger = ledger
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
        closing = await self._books.to_work_on()
        if closing is None:
            return False
        await self._steps[closing.state](closing)
        return True

    async def _claim(self, closing: Closing) -> None:
        now = self._clock.now()
        terms = Terms(
            at=now,
            issued_on=date.fromisoformat(day_of(now)),
            prices=self._prices,
            seller=self._seller,
            customers=tuple(await self._books.customers()),
        )
        if found := tuple(faults_of(terms.prices, terms.customers, closing.period)):
            _log.error("close_refused", period=closing.period, faults=found)
            await self._books.advance(closing, ClosingState.REFUSED, faults=found)
            return
        await self._books.advance(closing, ClosingState.CLAIMED, terms=terms)

    async def _book(self, closing: Closing) -> None:
        terms = closing.agreed()
        first, last = _first(closing.period), Day(last_day(closing.period).isoformat())
        for customer in terms.customers:
            totals = await self._ledger.totals(customer.accounts, first, last)
            booked = sums(await self._books.booked(customer.accounts, first, closing.period))
            plan = terms.prices.plan(customer.plan)
            new = bookings_of(closing.period, customer.customer_id, plan, totals, booked)
            if not await self._books.book(closing, new):
                return
        await self._books.advance(closing, ClosingState.BOOKED)

    async def _issue(self, closing: Closing) -> None:
        terms = closing.agreed()
        for customer in terms.customers:
            lines = await self._lines(closing, customer)
            if sum(line.net for line in lines):
                await self._books.issue(
                    closing.period,
                    customer,
                    terms.seller.first_number,
                    lambda number, customer=customer, lines=lines: _issued(closing, customer, lines, number),  # type: ignore[misc]
                )
        await self._books.advance(closing, ClosingState.ISSUED)

    async def _finish(self, closing: Closing) -> None:
        bookings = await self._books.bookings(closing.period)
        invoices = await self._books.invoices(period=closing.period)
        outputs = [self._tell.booking(closing, one) for one in bookings]
        outputs += [self._tell.invoice(closing, one) for one in invoices]
        figures = Figures(
            bookings=len(bookings),
            messages=sum(one.messages for one in bookings),
            parts=sum(one.parts for one in bookings),
            invoices=len(invoices),
            net=Ore(sum(one.invoice.amounts.net for one in invoices)),
            vat=Ore(sum(one.invoice.amounts.vat for one in invoices)),
            total=Ore(sum(one.invoice.amounts.total for one in invoices)),
        )
        await self._tell_usage()
        for start in range(0, len(outputs), _AT_ONCE):
            await self._send(outputs[start : start + _AT_ONCE])
        await self._send([self._tell.closed(closing, figures)])
        if await self._books.advance(closing, ClosingState.CLOSED, figures=figures):
            _log.info("period_closed", period=closing.period, invoices=figures.invoices, bookings=figures.bookings)

    async def _lines(self, closing: Closing, customer: Customer) -> list[Line]:
        now = await self._books.bookings(closing.period, customer.customer_id)
        before = await self._books.booked(customer.accounts, _first(closing.period), closing.period)
        plan = closing.agreed().prices.plan(customer.plan)
        return lines_of(closing.period, customer, plan, places(now), places(before))


def _first(period: Month) -> Day:
    """The first day that a close looks at."""
    return Day(first_day(moved(period, -REACH)).isoformat())


def _issued(closing: Closing, customer: Customer, lines: Sequence[Line], number: int) -> Issued:
    terms = closing.agreed()
    invoice = invoice_of(
        number=number,
        period=closing.period,
        issued_on=terms.issued_on,
        seller=terms.seller,
        customer=customer,
        lines=lines,
        vat_rate=terms.prices.vat_at(last_day(closing.period)),
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
