"""What an account may read of the books, for the front door alone.

GET /internal/v1/usage?month=YYYY-MM       what it used in a month, the current one if none is named
GET /internal/v1/invoices                  the invoices of its customer, newest first, by `limit` and `cursor`
GET /internal/v1/invoices/{number}         one
GET /internal/v1/invoices/{number}/ehf     its document
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.billing.api import views
from services.billing.api.asking import query_of
from services.billing.api.paging import page_in, shown
from services.billing.invoicing.store import Books, Issued
from services.billing.usage.store import UsageStore
from shared.clock import Clock
from shared.errors import Refused
from shared.ids import AccountId
from shared.internal.api import Guard, json
from shared.internal.token import Scope
from shared.money.periods import Day, first_day, last_day, month_of, parse_month

_MOST_DIGITS: Final = 12


class AccountReads:
    """Another account's invoice is answered as one that does not exist."""

    def __init__(self, ledger: UsageStore, books: Books, clock: Clock) -> None:
        self._ledger = ledger
        self._books = books
        self._clock = clock

    def routes(self, guard: Guard) -> list[Route]:
        """For the application."""
        return guard.routes(
            ("GET", f"/internal/v1/{tail}", Scope.READ, handle)
            for tail, handle in (
                ("usage", self._usage),
                ("invoices", self._invoices),
                ("invoices/{number}", self._invoice),
                ("invoices/{number}/ehf", self._ehf),
            )
        )

    async def _usage(self, account: AccountId, request: Request) -> Response:
        asked = query_of(request, "month").get("month")
        month = month_of(self._clock.now()) if asked is None else parse_month(asked)
        first, last = Day(first_day(month).isoformat()), Day(last_day(month).isoformat())
        return json(views.usage(month, await self._ledger.totals([account], first, last)))

    async def _invoices(self, account: AccountId, request: Request) -> Response:
        page = page_in(query_of(request, "limit", "cursor"))
        found = await self._books.invoices_of(account, behind=page.number, limit=page.limit + 1)
        some, cursor = shown(found, page, lambda one: str(one.number))
        return json(views.InvoicesView(tuple(views.invoice(one) for one in some), cursor))

    async def _invoice(self, account: AccountId, request: Request) -> Response:
        query_of(request)
        return json(views.invoice(await one_invoice(self._books, request, account)))

    async def _ehf(self, account: AccountId, request: Request) -> Response:
        query_of(request)
        return document(await one_invoice(self._books, request, account))


async def one_invoice(books: Books, request: Request, account: AccountId | None = None) -> Issued:
    """The invoice of the path. Raises `Refused` (`not_found`)."""
    number = request.path_params["number"]
    if number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS:
        issued = await books.invoice(int(number), account)
        if issued is not None:
            return issued
    raise Refused("not_found", "there is no such invoice")


def document(issued: Issued) -> Response:
    """The EHF document, to the octet as it was issued."""
    return Response(issued.document, media_type="application/xml")
