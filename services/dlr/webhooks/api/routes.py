"""The internal HTTP of webhooks, for the front door alone.

POST   /internal/v1/webhooks                                        make an endpoint; 201 with its secret
GET    /internal/v1/webhooks                                        all of the account
GET    /internal/v1/webhooks/notices                                endpoints that we switched off
GET    /internal/v1/webhooks/{id}                                   one
PATCH  /internal/v1/webhooks/{id}                                   change url, states, enabled
DELETE /internal/v1/webhooks/{id}                                   204
POST   /internal/v1/webhooks/{id}/rotate-secret                     a new secret, the old one good for 24 h
POST   /internal/v1/webhooks/{id}/test                              send a test event, and say what came of it
GET    /internal/v1/webhooks/{id}/deliveries?state=…&limit=…        history: delivered, parked, dead
POST   /internal/v1/webhooks/{id}/deliveries/{delivery}/replay      due now; 202

`callbacks` as id is the account's callbacks: it has no URL, and knows rotate-secret, deliveries and replay.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.dlr.webhooks.api.bodies import MOST_OCTETS, EndpointChange, NewEndpoint, decode, invalid
from services.dlr.webhooks.api.management import Management
from services.dlr.webhooks.api.views import (
    CALLBACKS,
    SecretView,
    created_view,
    delivery_views,
    endpoint_view,
    notice_view,
    outcome_view,
)
from services.dlr.webhooks.delivery.delivery import DeliveryId, Standing
from services.dlr.webhooks.delivery.history import MOST, History
from services.dlr.webhooks.delivery.store import DeliveryStore
from services.dlr.webhooks.endpoints.endpoint import EndpointId, callbacks_of
from services.dlr.webhooks.endpoints.secrets import OLD_SECRET
from services.dlr.webhooks.endpoints.store import EndpointStore
from shared.clock import Clock
from shared.errors import FieldError, Refused
from shared.http import problem
from shared.ids import AccountId
from shared.internal import ACTOR, HEADER, Scope, verify

PATH: Final = "/internal/v1/webhooks"
_READS: Final = frozenset({Scope.READ})
_CHANGES: Final = frozenset({Scope.MANAGE})

_ACTOR: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DELIVERED: Final = "delivered"
_STATUS: Final = {
    "not_found": (404, "Not found"),
    "body_too_large": (413, "Body too large"),
    "too_many_endpoints": (409, "Too many endpoints"),
}

B = TypeVar("B", bound=msgspec.Struct)
Handle = Callable[[AccountId, Request], Awaitable[Response]]


class WebhookRoutes:
    """Takes tokens and bodies apart, and answers."""

    def __init__(
        self,
        management: Management,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        history: History,
        secret: bytes,
        clock: Clock,
    ) -> None:
        self._management = management
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._history = history
        self._secret = secret
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the application."""
        one, delivery = f"{PATH}/{{id}}", f"{PATH}/{{id}}/deliveries/{{delivery}}"
        table: tuple[tuple[str, str, frozenset[Scope], Handle], ...] = (
            ("POST", PATH, _CHANGES, self._create),
            ("GET", PATH, _READS, self._list),
            ("GET", f"{PATH}/notices", _READS, self._notices),
            ("GET", one, _READS, self._show),
            ("PATCH", one, _CHANGES, self._change),
            ("DELETE", one, _CHANGES, self._remove),
            ("POST", f"{one}/rotate-secret", _CHANGES, self._rotate),
            ("POST", f"{one}/test", _CHANGES, self._test),
            ("GET", f"{one}/deliveries", _READS, self._history_of),
            ("POST", f"{delivery}/replay", _CHANGES, self._replay),
        )
        return [Route(path, self._guarded(scopes, handle), methods=[method]) for method, path, scopes, handle in table]

    def _guarded(self, scopes: frozenset[Scope], handle: Handle) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                claims = verify(self._secret, request.headers.get(HEADER, ""), self._clock.now())
            except Refused:
                return problem(401, "unauthorized", "Not authorized")
            if claims.scope not in scopes:
                return problem(403, "scope_missing", "Not allowed")
            try:
                return await handle(claims.account_id, request)
            except Refused as refusal:
                status, title = _STATUS.get(refusal.code, (422, "Invalid request"))
                return problem(status, refusal.code, title, refusal.detail, refusal.errors)

        return answer

    async def _create(self, account: AccountId, request: Request) -> Response:
        actor = request.headers.get(ACTOR, "")
        by = actor if _ACTOR.fullmatch(actor) else None
        endpoint, secret = await self._management.create(account, await _body(request, NewEndpoint), by)
        return _json(created_view(endpoint, secret), 201)

    async def _list(self, account: AccountId, _: Request) -> Response:
        return _json({"webhooks": [endpoint_view(each) for each in await self._management.all_of(account)]})

    async def _notices(self, account: AccountId, _: Request) -> Response:
        return _json({"notices": [notice_view(each) for each in await self._endpoints.notices(account)]})

    async def _show(self, account: AccountId, request: Request) -> Response:
        return _json(endpoint_view(await self._management.one(account, _id(request))))

    async def _change(self, account: AccountId, request: Request) -> Response:
        change = await _body(request, EndpointChange)
        return _json(endpoint_view(await self._management.change(account, _id(request), change)))

    async def _remove(self, account: AccountId, request: Request) -> Response:
        await self._management.remove(account, _id(request))
        return Response(status_code=204)

    async def _rotate(self, account: AccountId, request: Request) -> Response:
        until = self._clock.now() + OLD_SECRET
        return _json(SecretView(await self._management.rotate(account, _id_or_callbacks(account, request)), until))

    async def _test(self, account: AccountId, request: Request) -> Response:
        return _json(outcome_view(*await self._management.test(account, _id(request))))

    async def _history_of(self, account: AccountId, request: Request) -> Response:
        endpoint, limit = await self._owned(account, request), _limit(request)
        wanted = request.query_params.get("state")
        if wanted is not None and wanted not in {_DELIVERED, *Standing}:
            raise invalid(FieldError("/state", "unknown_value", "must be delivered, parked or dead"))
        standing = Standing(wanted) if wanted in set(Standing) else None
        kept = [] if wanted == _DELIVERED else await self._deliveries.of_endpoint(account, endpoint, standing, limit)
        successes = await self._history.of(endpoint) if wanted in {None, _DELIVERED} else []
        return _json({"deliveries": delivery_views(kept, successes)[:limit]})

    async def _replay(self, account: AccountId, request: Request) -> Response:
        endpoint = await self._owned(account, request)
        delivery = DeliveryId(request.path_params["delivery"])
        if not await self._deliveries.replay(account, endpoint, delivery, self._clock.now()):
            raise Refused("not_found", "there is no such delivery that is parked or dead")
        return Response(status_code=202)

    async def _owned(self, account: AccountId, request: Request) -> EndpointId:
        """The endpoint's id if it is this account's. Callbacks need not have a secret to have a history."""
        endpoint = _id_or_callbacks(account, request)
        if endpoint != callbacks_of(account):
            await self._management.one(account, endpoint)
        return endpoint


def _id(request: Request) -> EndpointId:
    """The id in the path; that of callbacks is none here."""
    endpoint = EndpointId(request.path_params["id"])
    if "." in endpoint or endpoint == CALLBACKS:
        raise Refused("not_found", "there is no such endpoint")
    return endpoint


def _id_or_callbacks(account: AccountId, request: Request) -> EndpointId:
    return callbacks_of(account) if request.path_params["id"] == CALLBACKS else _id(request)


def _limit(request: Request) -> int:
    value = request.query_params.get("limit", str(MOST))
    if not (value.isascii() and value.isdecimal() and 1 <= len(value) <= 3 and 1 <= int(value) <= 2 * MOST):
        raise invalid(FieldError("/limit", "out_of_range", f"must be a whole number from 1 to {2 * MOST}"))
    return int(value)


async def _body(request: Request, kind: type[B]) -> B:
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > MOST_OCTETS:
            break
    return decode(bytes(chunks), kind)


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
