"""Bodies of `/admin`, before the models see them: JSON in UTF-8, at most 1 MiB, no member twice."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.ingest.api import problems
from services.ingest.api.bodies import headers_of, read_json
from services.ingest.api.problems import Code, FieldCode, Rejected, invalid

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}")


class CheckedBody:
    """Reads the body, refuses it (`body_too_large`, `unsupported_media_type`, `invalid_json`, `duplicate_field`) or
    passes it on whole. A request without a body needs no content type.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["method"] not in _WITH_BODY or _is_empty(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await read_json(headers_of(scope), receive)
            _check(body)
        except Rejected as rejected:
            await problems.answer(rejected)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        await self._app(scope, _replay(body, receive), send)


def _is_empty(scope: Scope) -> bool:
    headers = headers_of(scope)
    return headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers


def _check(body: bytes) -> None:
    try:
        json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except Rejected:
        raise
    except (ValueError, RecursionError):
        raise Rejected(Code.INVALID_JSON) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        pointer = f"/{twice}" if _NAME.fullmatch(twice) else ""
        raise invalid(pointer, FieldCode.DUPLICATE_FIELD, "the field is given more than once")
    return members


def _no_number(_: str) -> None:
    """JSON knows no NaN and no Infinity."""
    raise ValueError


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaying() -> Message:
        return messages.pop() if messages else await receive()

    return replaying
