"""What an answer of Strex, or of whoever stands before it, says of what was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.responses import Response

from services.dispatch.strex.bodies import Request, Seen
from services.dispatch.strex.client import (
    Answer,
    Declined,
    Missing,
    NoAnswer,
    NotSent,
    Sight,
    StrexClient,
    Taken,
)
from shared.clock import SystemClock
from shared.errors import TryLater
from shared.http import HttpServer

ORDER = Request("POST", "api/strex/transactions", b"{}")


class Strex:
    """Answers every call alike."""

    def __init__(self) -> None:
        self.answer = Response()
        self.server = HttpServer("strex", self, "127.0.0.1", 0, setting="port")
        self.client: StrexClient

    async def start(self) -> None:
        await self.server.start()
        self.client = StrexClient(
            f"http://127.0.0.1:{self.server.port}",
            ec.generate_private_key(ec.SECP256R1()),
            "test",
            SystemClock(),
            iter(map(str, count())).__next__,
            seconds=5.0,
            connections=1,
        )
        await self.client.start()

    async def stop(self) -> None:
        await self.client.stop(1.0)
        await self.server.stop(1.0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.answer(scope, receive, send)


@pytest.fixture
async def strex() -> AsyncIterator[Strex]:
    strex = Strex()
    await strex.start()
    yield strex
    await strex.stop()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (201, Taken()),
        (204, Taken()),
        (400, Declined(400)),
        (404, Declined(404)),
        (409, Declined(409)),
        (422, Declined(422)),
        (401, NotSent("strex_answered_401")),
        (403, NotSent("strex_answered_403")),
        (429, NotSent("strex_answered_429")),
        (302, NoAnswer()),
        (408, NoAnswer()),
        (500, NoAnswer()),
        (502, NoAnswer()),
        (503, NoAnswer()),
    ],
)
async def test_only_an_answer_that_leaves_no_doubt_says_that_nothing_was_taken(
    strex: Strex, status: int, expected: Answer
) -> None:
    strex.answer = Response(status_code=status)
    assert await strex.client.ask(ORDER) == expected


async def test_whoever_cannot_be_reached_took_nothing(strex: Strex) -> None:
    await strex.server.stop(1.0)
    assert await strex.client.ask(ORDER) == NotSent("strex_unreachable")
    assert await strex.client.look(ORDER.path) == NoAnswer()
    with pytest.raises(TryLater, match="strex_unreachable"):
        await strex.client.server_key("2023-11-01")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"statusCode":"Sent","billed":null}', Seen("Sent")),
        (200, b'{"statusCode":"Sent","billed":"yes"}', NoAnswer()),
        (200, b'{"statusCode":7}', NoAnswer()),
        (200, b'{"statusCode":"Sent"', NoAnswer()),
        (200, b"<html>Sent</html>", NoAnswer()),
        (200, b'"\xff"', NoAnswer()),
        (200, b"", NoAnswer()),
        (404, b'{"Message":"not found"}', Missing()),
        (404, b'{"message":"no such page"}', NoAnswer()),
        (404, b"no such page", NoAnswer()),
        (401, b'{"Message":"the key is not known"}', NoAnswer()),
        (409, b'{"Message":"conflict"}', NoAnswer()),
        (500, b'{"Message":"sorry"}', NoAnswer()),
    ],
)
async def test_what_cannot_be_read_says_nothing_of_a_transaction(
    strex: Strex, status: int, body: bytes, expected: Sight
) -> None:
    strex.answer = Response(body, status)
    assert await strex.client.look(ORDER.path) == expected


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, b"", "strex_unreachable"),
        (401, b'{"Message":"the key is not known"}', "strex_unreachable"),
        (200, b"{}", "strex_unreadable"),
        (200, b'{"publicKeyString":"AAAA"}', "strex_unreadable"),
    ],
)
async def test_a_server_key_that_is_none_verifies_nothing_and_is_asked_for_again(
    strex: Strex, status: int, body: bytes, code: str
) -> None:
    strex.answer = Response(body, status)
    with pytest.raises(TryLater, match=code):
        await strex.client.server_key("2023-11-01")
    strex.answer = Response(b'{"Message":"not found"}', 404)
    assert await strex.client.server_key("2023-11-01") is None
