"""Reading a request body: JSON in UTF-8, at most 1 MiB, whether its length is announced or not."""

from __future__ import annotations

from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from services.ingest.api.problems import Code, Rejected

MOST_OCTETS: Final = 1 << 20

_PLAIN: Final = b"application/json"
_CLOSE: Final = {"connection": "close"}

Headers = dict[bytes, bytes]
"""Header values by lower-case name; of a header given twice, the last."""


def headers_of(scope: Scope) -> Headers:
    """The headers of a request."""
    return dict(scope["headers"])


async def read_json(headers: Headers, receive: Receive) -> bytes:
    """The whole body. Raises `Rejected`: `unsupported_media_type`, `body_too_large`; `ClientDisconnect` when the
    caller went away before the body was whole.

    After a refusal the rest of the body is not read, so the connection is closed.
    """
    content_type = headers.get(b"content-type", b"")
    if (content_type != _PLAIN and not _is_json(content_type)) or b"content-encoding" in headers:
        raise Rejected(Code.UNSUPPORTED_MEDIA_TYPE, headers=_CLOSE)
    announced = headers.get(b"content-length")
    if announced is not None and int(announced) > MOST_OCTETS:
        raise _too_large()
    chunks: list[bytes] = []
    left = MOST_OCTETS
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        left -= len(chunk)
        if left < 0:
            raise _too_large()
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large() -> Rejected:
    return Rejected(Code.BODY_TOO_LARGE, f"at most {MOST_OCTETS} octets", headers=_CLOSE)


def _is_json(content_type: bytes) -> bool:
    """JSON, with no charset or with UTF-8."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    return kind == _PLAIN and all(
        parameter.replace(b'"', b"") in (b"charset=utf-8", b"charset=utf8", b"") for parameter in parameters
    )
