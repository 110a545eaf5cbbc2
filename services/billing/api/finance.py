"""Finance's reads and commands, for the front door alone.

GET  /internal/finance/customers                     all
GET  /internal/finance/customers/{id}                one
POST /internal/finance/customers/{id}                set it
GET  /internal/finance/periods                       closes of months, newest first
GET  /internal/finance/periods/{month}               one
POST /internal/finance/periods/{month}/close         ask for it; 202, or 200 when it is done
GET  /internal/finance/invoices?period=YYYY-MM       of a month, or all
GET  /internal/finance/invoices/{number}             one
GET  /internal/finance/invoices/{number}/ehf         its document
GET  /internal/finance/audit                         what was ordered last
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.billing.api import views
from services.billing.api.accounts import document, one_invoice
from services.billing.api.asking import body_of, query_of
from services.billing.invoicing.closing import ClosingState
from services.billing.invoicing.commands import Commands
from services.billing.invoicing.parties import Address, Customer, CustomerId, OrganisationNumber, Subscribed, Text
from services.billing.invoicing.store import Books
from shared.contracts.events import Account
from shared.errors import Refused
from shared.ids import AccountId
from shared.internal.api import Guard, actor_of, json
from shared.internal.token import Scope
from shared.money.periods import parse_month

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


class FinanceRoutes:
    """Takes paths and bodies apart, and answers."""

    def __init__(self, commands: Commands, books: Books) -> None:
        self._commands = commands
        self._books = books

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
                ("GET", "audit", self._audit),
            )
        )

    async def _customers(self, _: AccountId, __: Request) -> Response:
        return json({"customers": await self._books.customers()})

    async def _customer(self, _: AccountId, request: Request) -> Response:
        found = await self._books.customer(request.path_params["id"])
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

    async def _periods(self, _: AccountId, __: Request) -> Response:
        return json({"periods": [views.period(one) for one in await self._books.closings()]})

    async def _period(self, _: AccountId, request: Request) -> Response:
        found = await self._books.closing(parse_month(request.path_params["period"]))
        if found is None:
            raise Refused("not_found", "nobody has asked for the close of this month")
        return json(views.period(found))

    async def _close(self, _: AccountId, request: Request) -> Response:
        period = parse_month(request.path_params["period"])
        body = await body_of(request, CloseBody)
        closing = await self._commands.close(actor_of(request), period, early=body.early, leave=body.leave)
        return json(views.period(closing), 200 if closing.state is ClosingState.CLOSED else 202)

    async def _invoices(self, _: AccountId, request: Request) -> Response:
        asked = query_of(request, "period").get("period")
        found = await self._books.invoices(period=None if asked is None else parse_month(asked), limit=1000)
        return json({"invoices": [views.invoice(one) for one in found]})

    async def _invoice(self, _: AccountId, request: Request) -> Response:
        return json(views.invoice(await one_invoice(self._books, request)))

    async def _ehf(self, _: AccountId, request: Request) -> Response:
        return document(await one_invoice(self._books, request))

    async def _audit(self, _: AccountId, __: Request) -> Response:
        return json({"entries": await self._books.audit()})
