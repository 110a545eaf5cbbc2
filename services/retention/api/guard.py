"""What every internal route has in common: the token, problem documents, bodies, answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.retention.api.problems import KINDS, MOST_OCTETS
from shared.clock import Clock
from shared.errors import BudstikkeError, Disposition, FieldError, Refused
from shared.http import problem
from shared.ids import AccountId
from shared.internal import ACTOR, HEADER, Scope, verify
from shared.telemetry.logs import get_log

_log = get_log()

_ACTOR: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

B = TypeVar("B")
Handle = Callable[[AccountId, Request], Awaitable[Response]]


class Guard:
    """Lets in who has a token of a scope, and answers what a handler refuses with the status of its code."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def __call__(self, scope: Scope, handle: Handle) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that calls `handle` with the account that the token vouches for."""

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


def application(routes: list[Route]) -> Starlette:
    """The ASGI application; no answer and no log line quotes a body."""
    return Starlette(
        routes=routes, exception_handlers={HTTPException: _of_http, BudstikkeError: _of_ours, Exception: _of_anything}
    )


def actor_of(request: Request) -> str:
    """The id of the key that asked, for audit; empty when the front door names none."""
    actor = request.headers.get(ACTOR, "")
    return actor if _ACTOR.fullmatch(actor) else ""


async def body_of(request: Request, kind: type[B]) -> B:
    """The JSON body as a struct. Raises `Refused`: `body_too_large`, `invalid_request` naming the place."""
    octets = bytearray()
    async for chunk in request.stream():
        octets += chunk
        if len(octets) > MOST_OCTETS:
            raise Refused("body_too_large", f"a body has at most {MOST_OCTETS} octets")
    try:
        return msgspec.json.decode(bytes(octets), type=kind)
    except msgspec.ValidationError as error:
        place = str(error).partition(" - at `$")[2].rstrip("`").replace(".", "/")
        raise invalid(place, "invalid_value", "does not fit") from None
    except msgspec.DecodeError:
        raise invalid("", "invalid_value", "is no JSON") from None


def invalid(pointer: str, code: str, message: str) -> Refused:
    """The refusal of one field."""
    return Refused("invalid_request", "a field is wrong", [FieldError(pointer, code, message)])


def json(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def _of_http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    codes = {404: ("not_found", "Not found"), 405: ("method_not_allowed", "Method not allowed")}
    return problem(status, *codes.get(status, ("bad_request", "Bad request")))


async def _of_ours(_: Request, error: Exception) -> Response:
    code = error.code if isinstance(error, BudstikkeError) else None
    _log.error("request_failed", code=code)
    if isinstance(error, BudstikkeError) and error.disposition is Disposition.RETRY:
        return problem(503, "unavailable", "Unavailable", "Retention does not answer; ask again.")
    return problem(500, "internal_error", "Internal error")


async def _of_anything(_: Request, error: Exception) -> Response:
    _log.error("request_failed", error=type(error).__name__)
    return problem(500, "internal_error", "Internal error")
