"""The internal HTTP of retention, for the front door alone.

GET  /internal/v1/retention                      the account's period
PUT  /internal/v1/retention                      set it
GET  /internal/v1/privacy/requests               the account's erasures, newest first
POST /internal/v1/privacy/requests               erase a person; 202
GET  /internal/v1/privacy/requests/{id}          one, and how far it is

GET  /internal/privacy/policies                  periods that were set
GET  /internal/privacy/policies/{account}        one
POST /internal/privacy/policies/{account}        set it
GET  /internal/privacy/holds?closed=true         legal holds
POST /internal/privacy/holds                     open one; 201
POST /internal/privacy/holds/{id}/close          close it, and order what it kept from being purged
GET  /internal/privacy/orders?account=&state=    orders, newest first
GET  /internal/privacy/orders/{id}               one
POST /internal/privacy/orders                    erase a person of an account; 202
GET  /internal/privacy/proof?after=              records of the proof behind a number
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.retention.api.asking import body_of, invalid, query_of
from services.retention.api.commands import Commands
from services.retention.api.views import (
    ErasureBody,
    HoldBody,
    HoldsView,
    OrdersView,
    OrderView,
    PoliciesView,
    PolicyBody,
    ProofView,
    RequestBody,
    hold_view,
    order_view,
    policy_view,
)
from services.retention.order import Order, OrderState
from services.retention.policy import Policy
from services.retention.proof.chain import Chain
from services.retention.store import RetentionStore
from shared.contracts.privacy import Basis, OrderKind
from shared.ids import AccountId
from shared.internal.api import Guard, actor_of, json
from shared.internal.token import Scope

_PAGE: Final = 1000
_DRY_RUN: Final = {"": False, "dry_run=true": True, "dry_run=false": False}
_YES_OR_NO: Final = frozenset({"true", "false"})
_LONGEST_NUMBER: Final = 15
_MEMBERS: Final = {"account": "account_id", "state": "state"}
_STATES: Final = frozenset(state.value for state in OrderState)


class RetentionRoutes:
    """Takes paths and bodies apart, and answers."""

    def __init__(self, commands: Commands, store: RetentionStore, chain: Chain) -> None:
        self._commands = commands
        self._store = store
        self._chain = chain

    def routes(self, guard: Guard) -> list[Route]:
        """For the application."""
        own, staff = "/internal/v1", "/internal/privacy"
        return guard.routes(
            (
                ("GET", f"{own}/retention", Scope.READ, self._policy),
                ("PUT", f"{own}/retention", Scope.MANAGE, self._set_policy),
                ("GET", f"{own}/privacy/requests", Scope.READ, self._requests),
                ("POST", f"{own}/privacy/requests", Scope.MANAGE, self._request),
                ("GET", f"{own}/privacy/requests/{{id}}", Scope.READ, self._one_request),
                ("GET", f"{staff}/policies", Scope.PRIVACY, self._policies),
                ("GET", f"{staff}/policies/{{account}}", Scope.PRIVACY, self._policy_of),
                ("POST", f"{staff}/policies/{{account}}", Scope.PRIVACY, self._set_policy_of),
                ("GET", f"{staff}/holds", Scope.PRIVACY, self._holds),
                ("POST", f"{staff}/holds", Scope.PRIVACY, self._open_hold),
                ("POST", f"{staff}/holds/{{id}}/close", Scope.PRIVACY, self._close_hold),
                ("GET", f"{staff}/orders", Scope.PRIVACY, self._orders),
                ("GET", f"{staff}/orders/{{id}}", Scope.PRIVACY, self._order),
                ("POST", f"{staff}/orders", Scope.PRIVACY, self._erase),
                ("GET", f"{staff}/proof", Scope.PRIVACY, self._proof),
            )
        )

    async def _policy(self, account: AccountId, _: Request) -> Response:
        return self._shown(await self._store.policy(account))

    async def _set_policy(self, account: AccountId, request: Request) -> Response:
        dry_run = _DRY_RUN.get(request.url.query)
        if dry_run is None:  # a misspelt one would set it
            raise invalid("", "unknown_field", "the query may be dry_run=true or dry_run=false only")
        body = await body_of(request, PolicyBody)
        policy = await self._commands.set_policy(account, body.months, body.reason, actor_of(request), dry_run=dry_run)
        return self._shown(policy)

    def _shown(self, policy: Policy) -> Response:
        return json(policy_view(policy, self._commands.deletes_before(policy)))

    async def _requests(self, account: AccountId, _: Request) -> Response:
        found = await self._store.orders({"account_id": account, "kind": OrderKind.ERASE.value})
        return json({"requests": await self._views(*found)})

    async def _request(self, account: AccountId, request: Request) -> Response:
        body = await body_of(request, RequestBody)
        order = await self._commands.erase(account, body.number, Basis.REQUEST, actor_of(request))
        return await self._view(order, 202)

    async def _one_request(self, account: AccountId, request: Request) -> Response:
        return await self._view(await self._commands.order(request.path_params["id"], account))

    async def _policies(self, _: AccountId, __: Request) -> Response:
        shown = [policy_view(policy, self._commands.deletes_before(policy)) for policy in await self._store.policies()]
        return json(PoliciesView(shown))

    async def _policy_of(self, _: AccountId, request: Request) -> Response:
        return await self._policy(AccountId(request.path_params["account"]), request)

    async def _set_policy_of(self, _: AccountId, request: Request) -> Response:
        return await self._set_policy(AccountId(request.path_params["account"]), request)

    async def _holds(self, _: AccountId, request: Request) -> Response:
        closed = query_of(request, "closed").get("closed", "false")
        if closed not in _YES_OR_NO:
            raise invalid("", "invalid_value", "query parameter closed: true or false")
        found = await self._store.holds(closed=closed == "true")
        return json(HoldsView([hold_view(hold) for hold in found]))

    async def _open_hold(self, _: AccountId, request: Request) -> Response:
        body = await body_of(request, HoldBody)
        hold = await self._commands.open_hold(body.account, body.reason, body.number, actor_of(request))
        return json(hold_view(hold), 201)

    async def _close_hold(self, _: AccountId, request: Request) -> Response:
        return json(hold_view(await self._commands.close_hold(request.path_params["id"], actor_of(request))))

    async def _orders(self, _: AccountId, request: Request) -> Response:
        asked = query_of(request, "account", "state")
        if asked.get("state", OrderState.OPEN) not in _STATES:
            raise invalid("", "invalid_value", f"query parameter state: one of {', '.join(sorted(_STATES))}")
        query: dict[str, Any] = {_MEMBERS[name]: value for name, value in asked.items()}
        return json(OrdersView(await self._views(*await self._store.orders(query))))

    async def _order(self, _: AccountId, request: Request) -> Response:
        return await self._view(await self._commands.order(request.path_params["id"]))

    async def _erase(self, _: AccountId, request: Request) -> Response:
        body = await body_of(request, ErasureBody)
        return await self._view(
            await self._commands.erase(body.account, body.number, body.basis, actor_of(request)), 202
        )

    async def _view(self, order: Order, status: int = 200) -> Response:
        (view,) = await self._views(order)
        return json(view, status)

    async def _views(self, *orders: Order) -> list[OrderView]:
        """With the reasons for which some are withheld."""
        withheld = any(order.state is OrderState.WITHHELD for order in orders)
        holds = await self._store.holds() if withheld else ()
        return [order_view(order, holds) for order in orders]

    async def _proof(self, _: AccountId, request: Request) -> Response:
        after = query_of(request, "after").get("after", "0")
        if not (after.isascii() and after.isdecimal()) or len(after) > _LONGEST_NUMBER:
            raise invalid("", "invalid_value", "query parameter after: a number")
        return json(ProofView(await self._chain.after(int(after), _PAGE)))
