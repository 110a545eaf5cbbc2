"""Finance's reads and commands, for the front door alone.

GET  /internal/finance/customers                     by id
GET  /internal/finance/customers/{id}                one
POST /internal/finance/customers/{id}                set it
GET  /internal/finance/periods                       closes of months, newest first
GET  /internal/finance/periods/{month}               one
POST /internal/finance/periods/{month}/close         ask for it; 202, or 200 when it is done
GET  /internal/finance/invoices?period=YYYY-MM       of a month, or all, by number
GET  /internal/finance/invoices/{number}             one
GET  /internal/finance/invoices/{number}/ehf         its document
GET  /internal/finance/waiting                       usage of closed months that no close has taken, by account
POST /internal/finance/waiting/{account}/{month}/write-off   never charge it
GET  /internal/finance/audit                         what was ordered, newest first

Lists are paged by `limit` and `cursor`; `cursor` in the answer is null on the last page.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.billing.api import views
from services.billing.api.accounts import document, one_invoice
from services.billing.api.asking import body_of, query_of
from services.billing.api.paging import no_cursor, page_in, shown
from services.billing.invoicing.closing import ClosingState
from services.billing.invoicing.commands import Commands
from services.billing.invoicing.parties import Address, Customer, CustomerId, OrganisationNumber, Subscribed, Text
from services.billing.invoicing.records import Records
from shared.contracts.events import Account
from shared.errors import Refused
from shared.ids import AccountId
from shared.internal.api import Guard, actor_of, json
from shared.internal.token import Scope
from shared.money.periods import Day, Month, last_day, parse_month

_PAGED: Final = ("limit", "cursor")

Accounts = Annotated[tuple[Account, ...], msgspec.Meta(max_length=1000)]


class CustomerBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer's record without its id, which is in the path."""

    name: Text
    organisation_number: OrganisationNumber
    address: Address
    plan: str
    accounts: Annotated[tuple[Account, ...], msgspec.Meta(min_length=1, max_length=1000)]
    subscriptions: Annotated[tuple[Subscribed, ...], msgspec.Meta(max_length=20)] = ()
    vat_registered: bool = True
    gln: str | None = None
    reference: Text | None = None
    payment_days: Annotated[int, msgspec.Meta(ge=0, le=60)] | None = None


class CloseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a month is closed: `early` when it is not over, `leave` accounts whose usage waits for a customer."""

    early: bool = False
    leave: Accounts = ()


class WriteOffBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why usage is never charged, in finance's words; it is kept on the audit record alone."""

    reason: Text


class FinanceRoutes:
    """Takes paths and bodies apart, and answers."""

    def __init__(self, commands: Commands, records: Records) -> None:
        self._commands = commands
        self._records = records

    def routes(self, guard: Guard) -> list[Route]:
        """For the application."""
        return guard.routes(
            (method, f"/internal/finance/{tail}", Scope.FINANCE, handle)
            for method, tail, handle in (
                ("GET", "customers", self._customers),
                ("GET", "customers/{id}", self._customer),
                ("POST", "customers/{id}", self._set_customer),
                ("GET", "periods", self._periods),
                ("GET", "periods/{period}", self._period),
                ("POST", "periods/{period}/close", self._close),
                ("GET", "invoices", self._invoices),
                ("GET", "invoices/{number}", self._invoice),
                ("GET", "invoices/{number}/ehf", self._ehf),
                ("GET", "waiting", self._waiting),
                ("POST", "waiting/{account}/{period}/write-off", self._write_off),
                ("GET", "audit", self._audit),
            )
        )

    async def _customers(self, _: AccountId, request: Request) -> Response:
        page = page_in(query_of(request, *_PAGED))
        found = await self._records.customers.page(after=page.behind or "", limit=page.limit + 1)
        some, cursor = shown(found, page, lambda one: one.customer_id)
        return json(views.CustomersView(some, cursor))

    async def _customer(self, _: AccountId, request: Request) -> Response:
        found = await self._records.customers.of(request.path_params["id"])
        if found is None:
            raise Refused("not_found", "there is no such customer")
        return json(found)

    async def _set_customer(self, _: AccountId, request: Request) -> Response:
        body = await body_of(request, CustomerBody)
        try:
            customer_id = msgspec.convert(request.path_params["id"], CustomerId)
        except msgspec.ValidationError:
            raise Refused("not_found", "no customer can have this id") from None
        customer = Customer(customer_id=customer_id, **msgspec.structs.asdict(body))
        return json(await self._commands.set_customer(actor_of(request), customer))

    async def _periods(self, _: AccountId, request: Request) -> Response:
        page = page_in(query_of(request, *_PAGED))
        behind = None if page.behind is None else Month(page.behind)
        found = await self._records.closings.page(behind=behind, limit=page.limit + 1)
        some, cursor = shown(found, page, lambda one: one.period)
        return json(views.PeriodsView([views.period(one) for one in some], cursor))

    async def _period(self, _: AccountId, request: Request) -> Response:
        found = await self._records.closings.of(parse_month(request.path_params["period"]))
        if found is None:
            raise Refused("not_found", "nobody has asked for the close of this month")
        return json(views.period(found))

    async def _close(self, _: AccountId, request: Request) -> Response:
        period = parse_month(request.path_params["period"])
        body = await body_of(request, CloseBody)
        closing = await self._commands.close(actor_of(request), period, early=body.early, leave=body.leave)
        return json(views.period(closing), 200 if closing.state is ClosingState.CLOSED else 202)

    async def _invoices(self, _: AccountId, request: Request) -> Response:
        query = query_of(request, "period", *_PAGED)
        page, asked = page_in(query), query.get("period")
        period = None if asked is None else parse_month(asked)
        found = await self._records.books.invoices(period=period, after=page.number or 0, limit=page.limit + 1)
        some, cursor = shown(found, page, lambda one: str(one.number))
        return json(views.InvoicesView([views.invoice(one) for one in some], cursor))

    async def _invoice(self, _: AccountId, request: Request) -> Response:
        return json(views.invoice(await one_invoice(self._records.books, request)))

    async def _ehf(self, _: AccountId, request: Request) -> Response:
        return document(await one_invoice(self._records.books, request))

    async def _waiting(self, _: AccountId, request: Request) -> Response:
        page = page_in(query_of(request, *_PAGED))
        last = await self._records.closings.last_closed()
        if last is None:
            return json(views.WaitingsView([], None))
        account, __, month = (page.behind or " ").partition(" ")
        until = Day(last_day(last).isoformat())
        found = await self._records.sums.waiting(until, after=(account, month), limit=page.limit + 1)
        some, cursor = shown(found, page, lambda one: f"{one.account_id} {one.month}")
        payers = await self._records.customers.payers({one.account_id for one in some})
        return json(views.WaitingsView([views.waiting(one, payers.get(one.account_id)) for one in some], cursor))

    async def _write_off(self, _: AccountId, request: Request) -> Response:
        account, month = AccountId(request.path_params["account"]), parse_month(request.path_params["period"])
        body = await body_of(request, WriteOffBody)
        return json(await self._commands.write_off(actor_of(request), account, month, body.reason))

    async def _audit(self, _: AccountId, request: Request) -> Response:
        page = page_in(query_of(request, *_PAGED))
        try:
            found = await self._records.audit.page(behind=page.behind, limit=page.limit + 1)
        except ValueError:
            raise no_cursor() from None
        some, cursor = shown(found, page, lambda one: one[0])
        return json(views.AuditView([entry for _, entry in some], cursor))
