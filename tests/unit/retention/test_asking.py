"""Bodies of what is asked: a fault names the place, and never what was sent."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.types import Message

from services.retention.api.asking import body_of
from services.retention.api.problems import MOST_OCTETS
from services.retention.api.views import RequestBody
from shared.errors import Refused


def asked(body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http"}, receive)


async def test_a_body_is_read_as_what_is_asked_for() -> None:
    assert await body_of(asked(b'{"number": "+4799999999"}'), RequestBody) == RequestBody("+4799999999")


@pytest.mark.parametrize(
    ("body", "code", "pointers"),
    [
        (b'{"number": 4799999999}', "invalid_request", ["/number"]),
        (b'{"numbers": "4799999999"}', "invalid_request", [""]),
        (b'{"number": "\xff4799999999"}', "invalid_request", [""]),
        (b"4799999999", "invalid_request", [""]),
        (b"{4799999999", "invalid_request", [""]),
        (b" " * (MOST_OCTETS + 1), "body_too_large", []),
    ],
)
async def test_any_other_is_refused(body: bytes, code: str, pointers: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        await body_of(asked(body), RequestBody)
    assert (caught.value.code, [error.pointer for error in caught.value.errors]) == (code, pointers)
    assert "99999999" not in str((caught.value, caught.value.errors))
