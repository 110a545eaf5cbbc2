"""The internal HTTP of the premium books, for the front door alone.

Of an account:
GET  /internal/v1/premium/transactions?standing=…&limit=…&cursor=…   newest first
GET  /internal/v1/premium/transactions/{id}                          one, with its entries
GET  /internal/v1/premium/refunds?limit=…                            newest first
POST /internal/v1/premium/refunds                                    ask for refunds; 201 when one is new, else 200
GET  /internal/v1/premium/refunds/{id}                               one
GET  /internal/v1/statements, /internal/v1/statements/{month}        statements and payouts

Of finance, over all accounts:
GET  /internal/finance/premium/transactions?account=…&standing=…     as above
GET  /internal/finance/premium/transactions/{id}                     one, with its entries
POST /internal/finance/premium/months/{month}/close                  close and state a month
POST /internal/finance/premium/months/{month}/receive                what Strex paid for it, and the payouts
GET  /internal/finance/premium/months/{month}                        statements, settlement, payouts
POST /internal/finance/premium/days/{day}/reconcile                  compare with the daily file
GET  /internal/finance/premium/days/{day}                            the latest report
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.billing.api.asking import body_of, query_of
from services.billing.premium.api.asking import (
    Received,
    RefundAsked,
    cursor_after,
    cursor_in,
    day_in,
    limit_in,
    month_in,
    standings_in,
)
from services.billing.premium.api.problems import KINDS
from services.billing.premium.api.reconciliation import Reconciliation
from services.billing.premium.api.refunding import RefundDesk
from services.billing.premium.api.views import (
    MonthView,
    RefundsView,
    StatementsView,
    TransactionsView,
    booked_view,
    transaction_view,
)
from services.billing.premium.closing import Closing
from services.billing.premium.ledger import Ledger
from services.billing.premium.refund import RefundId
from services.billing.premium.refunding import Refunds
from services.billing.premium.transaction import Transaction
from shared.clock import Clock
from shared.contracts.premium import TransactionId
from shared.errors import Refused
from shared.ids import AccountId
from shared.internal.api import Call, Guard, actor_of, json
from shared.internal.token import Scope
from shared.money.periods import Month

_PAGE: Final = ("limit", "cursor", "standing")


class Books(msgspec.Struct, frozen=True):
    """What the routes work with."""

    ledger: Ledger
    refunds: Refunds
    closing: Closing
    desk: RefundDesk
    reconciliation: Reconciliation


def premium_routes(books: Books, secret: bytes, clock: Clock) -> list[Route]:
    """For the application."""
    own, finance = "/internal/v1", "/internal/finance/premium"

    async def transactions(account: AccountId, request: Request) -> Response:
        return await _page(books, account, query_of(request, *_PAGE))

    async def transaction(account: AccountId, request: Request) -> Response:
        query_of(request)
        return await _booked(books, await books.ledger.transaction(account, TransactionId(request.path_params["id"])))

    async def refunds(account: AccountId, request: Request) -> Response:
        return json(RefundsView(await books.refunds.page(account, limit=limit_in(query_of(request, "limit")))))

    async def refund(account: AccountId, request: Request) -> Response:
        query_of(request)
        found = await books.refunds.one(account, RefundId(request.path_params["id"]))
        if found is None:
            raise _no_such("refund")
        return json(found)

    async def ask(account: AccountId, request: Request) -> Response:
        query_of(request)
        asked = await body_of(request, RefundAsked)
        found, new = await books.desk.ask(account, asked, actor_of(request))
        return json(RefundsView(found), 201 if new else 200)

    async def statements(account: AccountId, request: Request) -> Response:
        query_of(request)
        month: Month | None = month_in(request) if "month" in request.path_params else None
        stated = await books.closing.statements(month, account)
        if month is not None and not stated:
            raise _no_such("statement")
        return json(StatementsView(stated, await books.closing.payouts(month, account)))

    async def all_transactions(_: AccountId, request: Request) -> Response:
        query = query_of(request, "account", *_PAGE)
        return await _page(books, AccountId(query["account"]) if "account" in query else None, query)

    async def any_transaction(_: AccountId, request: Request) -> Response:
        found = await books.ledger.named([TransactionId(request.path_params["id"])])
        return await _booked(books, found[0] if found else None)

    async def close(_: AccountId, request: Request) -> Response:
        month = month_in(request)
        await books.closing.close(month, actor_of(request))
        return await _month(books, month)

    async def receive(_: AccountId, request: Request) -> Response:
        month, body = month_in(request), await body_of(request, Received)
        on = day_in(body.received_on, "/received_on")
        await books.closing.receive(month, on, body.amount, actor_of(request))
        return await _month(books, month)

    async def month(_: AccountId, request: Request) -> Response:
        return await _month(books, month_in(request))

    async def reconcile(_: AccountId, request: Request) -> Response:
        return json(await books.reconciliation.compare(day_in(request.path_params["day"], "")))

    async def report(_: AccountId, request: Request) -> Response:
        found = await books.reconciliation.last(day_in(request.path_params["day"], ""))
        if found is None:
            raise _no_such("report")
        return json(found)

    calls: tuple[Call, ...] = (
        ("GET", f"{own}/premium/transactions", Scope.READ, transactions),
        ("GET", f"{own}/premium/transactions/{{id}}", Scope.READ, transaction),
        ("GET", f"{own}/premium/refunds", Scope.READ, refunds),
        ("GET", f"{own}/premium/refunds/{{id}}", Scope.READ, refund),
        ("POST", f"{own}/premium/refunds", Scope.MANAGE, ask),
        ("GET", f"{own}/statements", Scope.READ, statements),
        ("GET", f"{own}/statements/{{month}}", Scope.READ, statements),
        ("GET", f"{finance}/transactions", Scope.FINANCE, all_transactions),
        ("GET", f"{finance}/transactions/{{id}}", Scope.FINANCE, any_transaction),
        ("POST", f"{finance}/months/{{month}}/close", Scope.FINANCE, close),
        ("POST", f"{finance}/months/{{month}}/receive", Scope.FINANCE, receive),
        ("GET", f"{finance}/months/{{month}}", Scope.FINANCE, month),
        ("POST", f"{finance}/days/{{day}}/reconcile", Scope.FINANCE, reconcile),
        ("GET", f"{finance}/days/{{day}}", Scope.FINANCE, report),
    )
    return Guard(secret, clock, KINDS, usual=KINDS["invalid_request"]).routes(calls)


async def _page(books: Books, account: AccountId | None, query: Mapping[str, str]) -> Response:
    limit = limit_in(query)
    found = await books.ledger.page(account, limit=limit + 1, standings=standings_in(query), before=cursor_in(query))
    shown = found[:limit]
    cursor = cursor_after(shown[-1]) if len(found) > limit else None
    return json(TransactionsView([transaction_view(one) for one in shown], cursor))


async def _booked(books: Books, found: Transaction | None) -> Response:
    if found is None:
        raise _no_such("transaction")
    return json(booked_view(found, await books.ledger.entries_of(found.id)))


async def _month(books: Books, month: Month) -> Response:
    settlement = await books.closing.settlement(month)
    if settlement is None:
        raise Refused("month_not_closed", "the month is not closed")
    view = MonthView(month, settlement, await books.closing.statements(month), await books.closing.payouts(month))
    return json(view)


def _no_such(what: str) -> Refused:
    return Refused("not_found", f"there is no such {what}")
