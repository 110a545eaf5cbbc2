"""What the judge says of records that are not as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import pytest

from tests.chaos.judging import Judge
from tests.chaos.load import Posted
from tests.chaos.trial import row_of

NUMBER = "+4790000001"
SHORT = Posted("k", NUMBER, 1, "m", 1.0)
LONG = Posted("k", NUMBER, 2, "m", 1.0)


def part(number: int = 1, text: bytes = b"k Hei") -> dict[str, str]:
    """As the simulated operator shows it."""
    return {"destination": NUMBER.removeprefix("+"), "udh": f"05000301020{number}", "short_message": text.hex()}


def told(state: str = "delivered", event: str = "m:4") -> dict[str, str]:
    """As the simulated customer shows it."""
    return {"body": msgspec.json.encode({"id": event, "data": {"id": "m", "state": state}}).decode()}


def serving(name: str, rows: Sequence[dict[str, str]]) -> httpx.AsyncClient:
    """A simulator with these rows, two a page."""
    numbered = [row | {"number": number} for number, row in enumerate(rows, 1)]

    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        return httpx.Response(200, json={name: numbered[after : after + 2]})

    return httpx.AsyncClient(base_url="http://simulator", transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("posted", "taken", "events", "wrong"),
    [
        (SHORT, [part()], [told()], ()),
        (LONG, [part(1), part(2)], [told()], ()),
        (SHORT, [part()], [told(), told()], ()),
        (SHORT, [], [told("failed")], ()),
        (SHORT, [part()], [told("submitted", "m:3"), told()], ()),
        (SHORT, [], [], ("P1: 1 lost", "P1: 1 without an end")),
        (SHORT, [part()], [], ("P1: 1 without an end",)),
        (SHORT, [part(text=b"l Hei")], [told()], ("1 with the text of another",)),
        (LONG, [part(1)], [told()], ("P1: 1 lost",)),
        (SHORT, [part(), part(), part()], [told()], ("P3: 2 doubled",)),
        (SHORT, [part()], [told(), told("delivered", "m:5")], ("P5: 1 told twice",)),
        (SHORT, [part()], [told(), told("undelivered", "m:5")], ("P5: 1 told twice",)),
        (SHORT, [part()], [told(), told("undelivered")], ("P5: 1 told twice",)),
        (Posted("k", NUMBER, 1), [], [], ()),
    ],
)
async def test_each_broken_promise_is_named(
    posted: Posted, taken: list[dict[str, str]], events: list[dict[str, str]], wrong: tuple[str, ...]
) -> None:
    async with serving("messages", taken) as operator, serving("deliveries", events) as customer:
        judge = Judge(operator, customer)
        await judge.look()
    assert row_of("fault", judge.verdict([posted]), 0, 0.0, []).wrong == wrong


async def test_so_many_copies_as_are_allowed_are_not_wrong() -> None:
    rows: list[dict[str, Any]] = [part(), part(), part()]
    async with serving("messages", rows) as operator, serving("deliveries", [told()]) as customer:
        judge = Judge(operator, customer)
        await judge.look()
    row = row_of("fault", judge.verdict([SHORT]), 2, 0.0, [])
    assert (row.doubled, row.allowed, row.wrong) == (2, 2, ())
