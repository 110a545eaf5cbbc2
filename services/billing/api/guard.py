"""What every route of the internal API has in common: the token, refusals as problem documents, bodies, answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.clock import Clock
from shared.errors import FieldError, Refused
from shared.http import problem
from shared.ids import AccountId
from shared.internal import ACTOR, HEADER, Scope, verify

MOST_OCTETS: Final = 65_536

_ACTOR: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

B = TypeVar("B")
Handle = Callable[[AccountId, Request], Awaitable[Response]]


class Guard:
    """Lets in who has a token of a scope, and answers what a handler refuses with the status of its code."""

    def __init__(self, secret: bytes, clock: Clock, statuses: Mapping[str, tuple[int, str]]) -> None:
        """`statuses`: HTTP status and title by code; any other code of a `Refused` is 422."""
        self._secret = secret
        self._clock = clock
        self._statuses = statuses

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
                status, title = self._statuses.get(refusal.code, (422, "Invalid request"))
                return problem(status, refusal.code, title, refusal.detail, refusal.errors)

        return answer


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
        message, _, place = str(error).partition(" - at `$")
        pointer = place.rstrip("`").replace(".", "/").replace("[", "/").replace("]", "")
        fault = FieldError(
            pointer, "invalid_value", message.partition(", got")[0] if place else "not what is asked for"
        )
        raise Refused("invalid_request", "the body is not what is asked for", [fault]) from None
    except msgspec.DecodeError:
        raise Refused("invalid_request", "the body is no JSON") from None


def query_of(request: Request, *names: str) -> dict[str, str]:
    """The query's parameters, of which these are known, each at most once. Raises `Refused` (`invalid_request`)."""
    given = request.query_params.multi_items()
    found = dict(given)
    if found.keys() - set(names) or len(found) != len(given):
        allowed = f"other than {', '.join(names)}" if names else "of any name"
        fault = FieldError("", "unknown_field", f"query parameter {allowed}, or one twice: there is no such parameter")
        raise Refused("invalid_request", "the query is not what is asked for", [fault])
    return found


def json(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")
