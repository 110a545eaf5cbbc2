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

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.dlr.api.asking import body_of, invalid_query, limit_in, place_in, query_of
from services.dlr.webhooks.api.bodies import EndpointChange, NewEndpoint
from services.dlr.webhooks.api.management import Management
from services.dlr.webhooks.api.paging import page
from services.dlr.webhooks.api.problems import KINDS
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
from shared.ids import AccountId
from shared.internal.api import Guard, actor_of, json
from shared.internal.token import Scope

PATH: Final = "/internal/v1/webhooks"
MOST_ON_A_PAGE: Final = 2 * MOST


class WebhookRoutes:
    """Takes bodies and queries apart, and answers."""

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
        self._guard = Guard(secret, clock, KINDS)
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the application."""
        one, delivery = f"{PATH}/{{id}}", f"{PATH}/{{id}}/deliveries/{{delivery}}"
        return self._guard.routes(
            (
                ("POST", PATH, Scope.MANAGE, self._create),
                ("GET", PATH, Scope.READ, self._list),
                ("GET", f"{PATH}/notices", Scope.READ, self._notices),
                ("GET", one, Scope.READ, self._show),
                ("PATCH", one, Scope.MANAGE, self._change),
                ("DELETE", one, Scope.MANAGE, self._remove),
                ("POST", f"{one}/rotate-secret", Scope.MANAGE, self._rotate),
                ("POST", f"{one}/test", Scope.MANAGE, self._test),
                ("GET", f"{one}/deliveries", Scope.READ, self._history_of),
                ("POST", f"{delivery}/replay", Scope.MANAGE, self._replay),
            )
        )

    async def _create(self, account: AccountId, request: Request) -> Response:
        body, by = await body_of(request, NewEndpoint), actor_of(request) or None
        endpoint, secret = await self._management.create(account, body, by)
        return json(created_view(endpoint, secret), 201)

    async def _list(self, account: AccountId, _: Request) -> Response:
        return json(Endpoints([endpoint_view(each) for each in await self._management.all_of(account)]))

    async def _notices(self, account: AccountId, _: Request) -> Response:
        return json(Notices([notice_view(each) for each in await self._endpoints.notices(account)]))

    async def _show(self, account: AccountId, request: Request) -> Response:
        return json(endpoint_view(await self._management.one(account, _id(request))))

    async def _change(self, account: AccountId, request: Request) -> Response:
        change = await body_of(request, EndpointChange)
        return json(endpoint_view(await self._management.change(account, _id(request), change)))

    async def _remove(self, account: AccountId, request: Request) -> Response:
        await self._management.remove(account, _id(request))
        return Response(status_code=204)

    async def _rotate(self, account: AccountId, request: Request) -> Response:
        until = self._clock.now() + OLD_SECRET
        return json(NewSecretView(await self._management.rotate(account, _id_or_callbacks(account, request)), until))

    async def _test(self, account: AccountId, request: Request) -> Response:
        return json(outcome_view(*await self._management.test(account, _id(request))))

    async def _history_of(self, account: AccountId, request: Request) -> Response:
        query = query_of(request, "state", "limit", "cursor")
        wanted, limit, behind = _state(query), limit_in(query, MOST, MOST_ON_A_PAGE), place_in(query)
        endpoint = await self._owned(account, request)
        kept, successes = [], []
        if wanted is not DeliveryState.DELIVERED:
            standing = Standing(wanted.value) if wanted else None
            kept = await self._deliveries.of_endpoint(account, endpoint, standing, limit + 1, behind)
        if wanted in {None, DeliveryState.DELIVERED}:
            successes = await self._history.of(endpoint)
        return json(page(kept, successes, limit, behind))

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


def _state(query: Mapping[str, str]) -> DeliveryState | None:
    wanted = query.get("state")
    if wanted is None:
        return None
    try:
        return DeliveryState(wanted)
    except ValueError:
        raise invalid_query("state", "unknown_value", "must be delivered, parked or dead") from None
