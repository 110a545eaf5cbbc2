"""The internal HTTP of webhooks, for the front door alone.

POST   /internal/v1/webhooks                                        make an endpoint; 201 with its secret
GET    /internal/v1/webhooks                                        all of the account
GET    /internal/v1/webhooks/notices                                endpoints that we switched off
GET    /internal/v1/webhooks/{id}                                   one
PATCH  /internal/v1/webhooks/{id}                                   change url, states, enabled
DELETE /internal/v1/webhooks/{id}                                   204
POST   /internal/v1/webhooks/{id}/rotate-secret                     a new secret, the old one good for 24 h
POST   /internal/v1/webhooks/{id}/test                              send a test event, and say what came of it
GET    /internal/v1/webhooks/{id}/deliveries?state=…&limit=…&cursor=…   history: delivered, parked, dead
POST   /internal/v1/webhooks/{id}/deliveries/{delivery}/replay      due now; 202

`callbacks` as id is the account's callbacks: it has no URL, and knows rotate-secret, deliveries and replay.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.dlr.webhooks.api.bodies import MOST_OCTETS, EndpointChange, NewEndpoint, decode, invalid_query
from services.dlr.webhooks.api.management import Management
from services.dlr.webhooks.api.paging import page, place_of
from services.dlr.webhooks.api.problems import answer as answer_refused
from services.dlr.webhooks.api.views import (
    CALLBACKS,
    DeliveryState,
    Endpoints,
    NewSecretView,
    Notices,
    created_view,
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
from shared.errors import Refused
from shared.http import problem
from shared.ids import AccountId
from shared.internal import ACTOR, HEADER, Scope, verify

PATH: Final = "/internal/v1/webhooks"
_READS: Final = frozenset({Scope.READ})
_CHANGES: Final = frozenset({Scope.MANAGE})

_ACTOR: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_QUERY: Final = frozenset({"state", "limit", "cursor"})
MOST_ON_A_PAGE: Final = 2 * MOST

B = TypeVar("B", bound=msgspec.Struct)
Handle = Callable[[AccountId, Request], Awaitable[Response]]
Answer = Callable[[Request], Awaitable[Response]]


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
        by_path: dict[str, dict[str, Answer]] = {}
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
        for method, path, scopes, handle in table:
            by_path.setdefault(path, {})[method] = self._guarded(scopes, handle)
        return [Route(path, _by_method(answers), methods=[*answers]) for path, answers in by_path.items()]

    def _guarded(self, scopes: frozenset[Scope], handle: Handle) -> Answer:
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
                return answer_refused(refusal)

        return answer

    async def _create(self, account: AccountId, request: Request) -> Response:
        actor = request.headers.get(ACTOR, "")
        by = actor if _ACTOR.fullmatch(actor) else None
        endpoint, secret = await self._management.create(account, await _body(request, NewEndpoint), by)
        return _json(created_view(endpoint, secret), 201)

    async def _list(self, account: AccountId, _: Request) -> Response:
        return _json(Endpoints([endpoint_view(each) for each in await self._management.all_of(account)]))

    async def _notices(self, account: AccountId, _: Request) -> Response:
        return _json(Notices([notice_view(each) for each in await self._endpoints.notices(account)]))

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
        return _json(NewSecretView(await self._management.rotate(account, _id_or_callbacks(account, request)), until))

    async def _test(self, account: AccountId, request: Request) -> Response:
        return _json(outcome_view(*await self._management.test(account, _id(request))))

    async def _history_of(self, account: AccountId, request: Request) -> Response:
        query = _query(request)
        wanted, limit, behind = _state(query), _limit(query), place_of(query.get("cursor"))
        endpoint = await self._owned(account, request)
        kept, successes = [], []
        if wanted is not DeliveryState.DELIVERED:
            standing = Standing(wanted.value) if wanted else None
            kept = await self._deliveries.of_endpoint(account, endpoint, standing, limit + 1, behind)
        if wanted in {None, DeliveryState.DELIVERED}:
            successes = await self._history.of(endpoint)
        return _json(page(kept, successes, limit, behind))

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


def _by_method(answers: Mapping[str, Answer]) -> Answer:
    """One endpoint for all methods of a path, so that a 405 names them all."""

    async def answer(request: Request) -> Response:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return answer


def _id(request: Request) -> EndpointId:
    """The id in the path; that of callbacks is none here."""
    endpoint = EndpointId(request.path_params["id"])
    if "." in endpoint or endpoint == CALLBACKS:
        raise Refused("not_found", "there is no such endpoint")
    return endpoint


def _id_or_callbacks(account: AccountId, request: Request) -> EndpointId:
    return callbacks_of(account) if request.path_params["id"] == CALLBACKS else _id(request)


def _query(request: Request) -> Mapping[str, str]:
    """The parameters; those that are not known are refused, never ignored."""
    given = request.query_params.multi_items()
    if any(name not in _QUERY for name, _ in given):
        raise invalid_query("other than state, limit, cursor", "unknown_field", "there is no such parameter")
    query = dict(given)
    if len(query) != len(given):
        raise invalid_query("given twice", "duplicate_field", "give it once")
    return query


def _state(query: Mapping[str, str]) -> DeliveryState | None:
    wanted = query.get("state")
    if wanted is None:
        return None
    try:
        return DeliveryState(wanted)
    except ValueError:
        raise invalid_query("state", "unknown_value", "must be delivered, parked or dead") from None


def _limit(query: Mapping[str, str]) -> int:
    value = query.get("limit", str(MOST))
    if not (value.isascii() and value.isdecimal() and 1 <= len(value) <= 3 and 1 <= int(value) <= MOST_ON_A_PAGE):
        raise invalid_query("limit", "out_of_range", f"must be a whole number from 1 to {MOST_ON_A_PAGE}")
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
