"""How the simulated customer answers: what its control interface may set. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from shared.errors import FieldError, Refused

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]


class Manner(StrEnum):
    """What a request is answered with."""

    ANSWER = "answer"
    """A whole response: `status`, `retry_after`, `body_octets`, after `delay_ms`."""
    HANG = "hang"
    """Nothing, for ever."""
    CLOSE = "close"
    """The connection is closed without an answer."""
    RESET = "reset"
    """The same with a reset."""
    GARBAGE = "garbage"
    """Octets that are no HTTP."""
    SLOW_HEAD = "slow_head"
    """A good response, one octet of it each `delay_ms` (at least 1)."""
    SLOW_BODY = "slow_body"
    """A whole head, then the body one octet each `delay_ms` (at least 1)."""
    ENDLESS = "endless"
    """A whole head and a chunked body without end."""
    ENDLESS_HEAD = "endless_head"
    """Header after header."""
    TWICE = "twice"
    """Two responses to one request."""
    HTTP_1_0 = "http_1_0"
    """An HTTP/1.0 response whose end is the end of the connection."""
    EARLY_HINTS = "early_hints"
    """103 before the response."""
    UPGRADE = "upgrade"
    """101 Switching Protocols."""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set while it runs."""

    manner: Manner = Manner.ANSWER
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 200
    delay_ms: Milliseconds = 0
    retry_after: Annotated[str, msgspec.Meta(max_length=256, pattern="^[ -~]*$")] | None = None
    location: Annotated[str, msgspec.Meta(max_length=256, pattern="^[ -~]*$")] | None = None
    body_octets: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 2
    chunked: bool = False
    close: bool = False
    """Answer with `Connection: close` and close."""
    close_unasked: bool = False
    """Promise to keep the connection, and close it."""
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """So many requests; those after are answered 200."""


GOOD = Behaviour()


def response(behaviour: Behaviour) -> tuple[bytes, bytes]:
    """Head and body."""
    if behaviour.manner is Manner.HTTP_1_0:
        return b"HTTP/1.0 %d x\r\n\r\n" % behaviour.status, b"o" * behaviour.body_octets
    lines = [b"HTTP/1.1 %d x" % behaviour.status, b"content-type: text/plain"]
    if behaviour.retry_after is not None:
        lines.append(b"Retry-After: " + behaviour.retry_after.encode())
    if behaviour.location is not None:
        lines.append(b"location: " + behaviour.location.encode())
    if behaviour.close:
        lines.append(b"connection: close")
    body = b"o" * behaviour.body_octets
    if behaviour.status in {204, 304}:
        body = b""
    elif behaviour.chunked:
        lines.append(b"transfer-encoding: chunked")
        body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    else:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n", body


def change(behaviour: Behaviour, body: bytes) -> Behaviour:
    """The settings after a JSON object of some of them. Raises `Refused`."""
    try:
        wanted = msgspec.json.decode(body, type=dict[str, Any])
        return msgspec.convert({**msgspec.to_builtins(behaviour), **wanted}, Behaviour)
    except msgspec.DecodeError as error:
        raise Refused("invalid_setting", "a setting cannot be", [FieldError("", "invalid", str(error))]) from error
