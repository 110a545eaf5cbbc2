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

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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
from services.dlr.webhooks.api.bodies import MOST_OCTETS, decode, invalid_query
from shared import cursors
from shared.clock import Clock
from shared.errors import Refused
from shared.http import problem
from shared.ids import AccountId
from shared.internal import ACTOR, HEADER, Scope, verify
from shared.privacy.sealing import Sealer

MOST_ON_A_PAGE: Final = 500
USUAL: Final = 100

_ROOT: Final = "/internal/v1"
_ACTOR: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

B = TypeVar("B", bound=msgspec.Struct)
Handle = Callable[[AccountId, Request], Awaitable[Response]]
Answer = Callable[[Request], Awaitable[Response]]
Place = tuple[datetime, str]


class InboundRoutes:
    """Takes tokens, bodies and queries apart, and answers."""

    def __init__(
        self, management: InboundManagement, store: InboundStore, sealer: Sealer, secret: bytes, clock: Clock
    ) -> None:
        self._management = management
        self._store = store
        self._sealer = sealer
        self._secret = secret
        self._clock = clock

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
        by_path: dict[str, dict[str, Answer]] = {}
        for method, path, handle in table:
            scope = Scope.READ if method == "GET" else Scope.MANAGE
            by_path.setdefault(f"{_ROOT}/{path}", {})[method] = self._guarded(scope, handle)
        return [Route(path, _by_method(answers), methods=[*answers]) for path, answers in by_path.items()]

    def _guarded(self, scope: Scope, handle: Handle) -> Answer:
        async def answer(request: Request) -> Response:
            try:
                claims = verify(self._secret, request.headers.get(HEADER, ""), self._clock.now())
            except Refused:
                return problem(401, "unauthorized", "Not authorized")
            if claims.scope is not scope:
                return problem(403, "scope_missing", "Not allowed")
            try:
                return await handle(claims.account_id, request)
            except Refused as refusal:
                kind = KINDS[refusal.code]
                return problem(kind.status, refusal.code, kind.title, refusal.detail, refusal.errors)

        return answer

    async def _numbers(self, account: AccountId, _: Request) -> Response:
        return _json(Numbers([number_view(each) for each in await self._store.numbers_for(account)]))

    async def _keywords(self, account: AccountId, _: Request) -> Response:
        return _json(Keywords([keyword_view(each) for each in await self._store.keywords_of(account)]))

    async def _create_keyword(self, account: AccountId, request: Request) -> Response:
        keyword = await self._management.create_keyword(account, await _body(request, NewKeyword), _actor(request))
        return _json(keyword_view(keyword), 201 if keyword.state is KeywordState.ACTIVE else 202)

    async def _keyword(self, account: AccountId, request: Request) -> Response:
        keyword = await self._store.keyword_of(account, request.path_params["id"])
        if keyword is None:
            raise Refused("not_found", "there is no such keyword")
        return _json(keyword_view(keyword))

    async def _remove_keyword(self, account: AccountId, request: Request) -> Response:
        await self._management.remove_keyword(account, request.path_params["id"])
        return Response(status_code=204)

    async def _messages(self, account: AccountId, request: Request) -> Response:
        limit, behind = _page(request)
        found = await self._store.messages_of(account, behind, limit + 1)
        shown, more = cursors.cut(found, limit)
        views = [inbound_view(each, account, self._sealer) for each in shown]
        return _json(InboundPage(views, _cursor(shown[-1].received_at, shown[-1].id) if more else None))

    async def _message(self, account: AccountId, request: Request) -> Response:
        message = await self._store.message_of(account, request.path_params["id"])
        if message is None:
            raise Refused("not_found", "there is no such message")
        return _json(inbound_view(message, account, self._sealer))

    async def _opt_outs(self, account: AccountId, request: Request) -> Response:
        limit, behind = _page(request)
        found = await self._store.opt_outs_of(account, behind, limit + 1)
        shown, more = cursors.cut(found, limit)
        views = [opt_out_view(each, self._sealer) for each in shown]
        return _json(OptOutPage(views, _cursor(shown[-1].at, shown[-1].id) if more else None))

    async def _opt_out(self, account: AccountId, request: Request) -> Response:
        row, new = await self._management.opt_out(account, await _body(request, NewOptOut), _actor(request))
        return _json(opt_out_view(row, self._sealer), 201 if new else 200)

    async def _take_back(self, account: AccountId, request: Request) -> Response:
        await self._management.take_back(account, request.path_params["id"])
        return Response(status_code=204)


def _by_method(answers: Mapping[str, Answer]) -> Answer:
    """One endpoint for all methods of a path, so that a 405 names them all."""

    async def answer(request: Request) -> Response:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return answer


def _actor(request: Request) -> str | None:
    actor = request.headers.get(ACTOR, "")
    return actor if _ACTOR.fullmatch(actor) else None


def _page(request: Request) -> tuple[int, Place | None]:
    """How many, behind which place. Parameters that are not known are refused, never ignored."""
    given = request.query_params.multi_items()
    query = dict(given)
    if query.keys() - {"limit", "cursor"}:
        raise invalid_query("other than limit, cursor", "unknown_field", "there is no such parameter")
    if len(query) != len(given):
        raise invalid_query("given twice", "duplicate_field", "give it once")
    limit = query.get("limit", str(USUAL))
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 3 and 1 <= int(limit) <= MOST_ON_A_PAGE):
        raise invalid_query("limit", "out_of_range", f"must be a whole number from 1 to {MOST_ON_A_PAGE}")
    return int(limit), _place(query.get("cursor"))


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        milliseconds, _, name = cursors.decode(cursor).partition(".")
        return _EPOCH + int(milliseconds) * _MILLISECOND, name
    except (ValueError, OverflowError):
        raise invalid_query("cursor", "invalid_cursor", "is none that a list gave") from None


def _cursor(at: datetime, name: str) -> str:
    return cursors.encode(f"{(at - _EPOCH) // _MILLISECOND}.{name}")


async def _body(request: Request, kind: type[B]) -> B:
    octets = bytearray()
    async for chunk in request.stream():
        octets += chunk
        if len(octets) > MOST_OCTETS:
            break
    return decode(bytes(octets), kind)


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
