"""The internal HTTP of incoming messages, for the front door alone.

GET    /internal/v1/numbers                         the account's numbers, and the shared ones
GET    /internal/v1/keywords                        all of the account
POST   /internal/v1/keywords                        201, or 202 when a person of ours has to look first
GET    /internal/v1/keywords/{id}                   one
DELETE /internal/v1/keywords/{id}                   204
GET    /internal/v1/inbound?limit=…&cursor=…        messages, the newest first
GET    /internal/v1/inbound/{id}                    one
GET    /internal/v1/opt-outs?limit=…&cursor=…       opt-outs, the newest first
POST   /internal/v1/opt-outs                        201; 200 when it is there
DELETE /internal/v1/opt-outs/{id}                   204: the person has consented anew
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.dlr.api.asking import body_of, limit_in, place_in, query_of
from services.dlr.inbound.api.bodies import NewKeyword, NewOptOut
from services.dlr.inbound.api.management import InboundManagement
from services.dlr.inbound.api.problems import KINDS
from services.dlr.inbound.api.views import (
    InboundPage,
    Keywords,
    Numbers,
    OptOutPage,
    inbound_view,
    keyword_view,
    number_view,
    opt_out_view,
)
from services.dlr.inbound.keyword import KeywordState
from services.dlr.inbound.store import InboundStore
from shared import cursors
from shared.clock import Clock
from shared.cursors import Place
from shared.errors import Refused
from shared.ids import AccountId
from shared.internal.api import Guard, Handle, actor_of, json
from shared.internal.token import Scope
from shared.privacy.sealing import Sealer

MOST_ON_A_PAGE: Final = 500
USUAL: Final = 100


class InboundRoutes:
    """Takes bodies and queries apart, and answers."""

    def __init__(
        self, management: InboundManagement, store: InboundStore, sealer: Sealer, secret: bytes, clock: Clock
    ) -> None:
        self._management = management
        self._store = store
        self._sealer = sealer
        self._guard = Guard(secret, clock, KINDS)

    def routes(self) -> list[Route]:
        """For the application."""
        table: tuple[tuple[str, str, Handle], ...] = (
            ("GET", "numbers", self._numbers),
            ("GET", "keywords", self._keywords),
            ("POST", "keywords", self._create_keyword),
            ("GET", "keywords/{id}", self._keyword),
            ("DELETE", "keywords/{id}", self._remove_keyword),
            ("GET", "inbound", self._messages),
            ("GET", "inbound/{id}", self._message),
            ("GET", "opt-outs", self._opt_outs),
            ("POST", "opt-outs", self._opt_out),
            ("DELETE", "opt-outs/{id}", self._take_back),
        )
        return self._guard.routes(
            (method, f"/internal/v1/{path}", Scope.READ if method == "GET" else Scope.MANAGE, handle)
            for method, path, handle in table
        )

    async def _numbers(self, account: AccountId, _: Request) -> Response:
        return json(Numbers([number_view(each) for each in await self._store.numbers_for(account)]))

    async def _keywords(self, account: AccountId, _: Request) -> Response:
        return json(Keywords([keyword_view(each) for each in await self._store.keywords_of(account)]))

    async def _create_keyword(self, account: AccountId, request: Request) -> Response:
        keyword = await self._management.create_keyword(
            account, await body_of(request, NewKeyword), actor_of(request) or None
        )
        return json(keyword_view(keyword), 201 if keyword.state is KeywordState.ACTIVE else 202)

    async def _keyword(self, account: AccountId, request: Request) -> Response:
        keyword = await self._store.keyword_of(account, request.path_params["id"])
        if keyword is None:
            raise Refused("not_found", "there is no such keyword")
        return json(keyword_view(keyword))

    async def _remove_keyword(self, account: AccountId, request: Request) -> Response:
        await self._management.remove_keyword(account, request.path_params["id"])
        return Response(status_code=204)

    async def _messages(self, account: AccountId, request: Request) -> Response:
        limit, place = _page(request)
        found = await self._store.messages_of(account, place, limit + 1)
        shown, more = cursors.cut(found, limit)
        views = [inbound_view(each, account, self._sealer) for each in shown]
        return json(InboundPage(views, cursors.behind(shown[-1].received_at, shown[-1].id) if more else None))

    async def _message(self, account: AccountId, request: Request) -> Response:
        message = await self._store.message_of(account, request.path_params["id"])
        if message is None:
            raise Refused("not_found", "there is no such message")
        return json(inbound_view(message, account, self._sealer))

    async def _opt_outs(self, account: AccountId, request: Request) -> Response:
        limit, place = _page(request)
        found = await self._store.opt_outs_of(account, place, limit + 1)
        shown, more = cursors.cut(found, limit)
        views = [opt_out_view(each, self._sealer) for each in shown]
        return json(OptOutPage(views, cursors.behind(shown[-1].at, shown[-1].id) if more else None))

    async def _opt_out(self, account: AccountId, request: Request) -> Response:
        body, by = await body_of(request, NewOptOut), actor_of(request) or None
        row, new = await self._management.opt_out(account, body, by)
        return json(opt_out_view(row, self._sealer), 201 if new else 200)

    async def _take_back(self, account: AccountId, request: Request) -> Response:
        await self._management.take_back(account, request.path_params["id"])
        return Response(status_code=204)


def _page(request: Request) -> tuple[int, Place | None]:
    """How many, behind which place."""
    query = query_of(request, "limit", "cursor")
    return limit_in(query, USUAL, MOST_ON_A_PAGE), place_in(query)
