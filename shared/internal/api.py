"""The internal HTTP API of an owner of data: the token, problem documents, bodies, answers.

Only the front door calls it. A handler is given the account that the token vouches for, and raises `Refused`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.clock import Clock
from shared.errors import BudstikkeError, Disposition, Refused
from shared.http import Kind, problem
from shared.ids import AccountId
from shared.internal.token import ACTOR, HEADER, Scope, verify
from shared.telemetry.logs import get_log

Handle = Callable[[AccountId, Request], Awaitable[Response]]
Call = tuple[str, str, Scope, Handle]
"""Method, path, scope of the token, handler."""

_Endpoint = Callable[[Request], Awaitable[Response]]

_ACTOR: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_log = get_log()


def application(routes: Sequence[Route], *, away: str) -> Starlette:
    """The ASGI application; no answer and no log line quotes a body. `away`: what a 503 says."""

    async def of_http(_: Request, error: Exception) -> Response:
        status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
        codes = {404: ("not_found", "Not found"), 405: ("method_not_allowed", "Method not allowed")}
        response = problem(status, *codes.get(status, ("bad_request", "Bad request")))
        response.headers.update(headers or {})
        return response

    async def of_ours(_: Request, error: Exception) -> Response:
        code = error.code if isinstance(error, BudstikkeError) else None
        _log.error("request_failed", code=code)
        if isinstance(error, BudstikkeError) and error.disposition is Disposition.RETRY:
            return problem(503, "unavailable", "Unavailable", away)
        return problem(500, "internal_error", "Internal error")

    async def of_anything(_: Request, error: Exception) -> Response:
        _log.error("request_failed", exc_info=error)
        return problem(500, "internal_error", "Internal error")

    return Starlette(
        routes=routes, exception_handlers={HTTPException: of_http, BudstikkeError: of_ours, Exception: of_anything}
    )


class Guard:
    """Lets in who has a token of the scope, and tells what a handler refuses."""

    def __init__(self, secret: bytes, clock: Clock, kinds: Mapping[str, Kind], usual: Kind | None = None) -> None:
        """`kinds`: of a refusal's code. Any other is told as `usual`; where there is none it is an error of ours."""
        self._secret = secret
        self._clock = clock
        self._kinds = kinds
        self._usual = usual

    def routes(self, calls: Iterable[Call]) -> list[Route]:
        """One route for all methods of a path, so that a 405 names them all."""
        by_path: dict[str, dict[str, _Endpoint]] = {}
        for method, path, scope, handle in calls:
            by_path.setdefault(path, {})[method] = self._guarded(scope, handle)
        return [Route(path, _by_method(endpoints), methods=[*endpoints]) for path, endpoints in by_path.items()]

    def _guarded(self, scope: Scope, handle: Handle) -> _Endpoint:
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
                kind = self._kinds.get(refusal.code, self._usual)
                if kind is None:
                    raise
                return problem(kind.status, refusal.code, kind.title, refusal.detail, refusal.errors)

        return answer


def _by_method(endpoints: Mapping[str, _Endpoint]) -> _Endpoint:
    async def answer(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return answer


def actor_of(request: Request) -> str:
    """The id of the key that asked, for audit; empty when the front door names none."""
    actor = request.headers.get(ACTOR, "")
    return actor if _ACTOR.fullmatch(actor) else ""


async def octets_of(request: Request, most: int) -> bytes:
    """The body. Raises `Refused` (`body_too_large`) as soon as more octets than these have come."""
    octets = bytearray()
    async for chunk in request.stream():
        octets += chunk
        if len(octets) > most:
            raise Refused("body_too_large", f"a body has at most {most} octets")
    return bytes(octets)


def json(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")
