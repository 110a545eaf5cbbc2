"""Pages of a history: all of it, each once, the newest first, whatever comes meanwhile."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dlr.api.asking import place_in
from services.dlr.webhooks.api.paging import page
from services.dlr.webhooks.client.outcome import Failure
from services.dlr.webhooks.delivery.delivery import Delivery, DeliveryId, Last, Standing
from services.dlr.webhooks.delivery.history import Success
from services.dlr.webhooks.endpoints.endpoint import EndpointId
from services.dlr.webhooks.endpoints.occasion import Occasion
from shared import cursors
from shared.cursors import Place
from shared.errors import Refused
from shared.ids import MessageId
from tests.unit.dlr.building import ACCOUNT, START

AGES = some.lists(some.integers(0, 40), unique=True, max_size=12)
"""Of things, in half milliseconds: many are as old as another to the millisecond."""


def kept(age: int) -> Delivery:
    at = START - timedelta(milliseconds=age // 2)  # as the database has it
    return Delivery(
        id=DeliveryId(f"whd_k{age:02}"),
        account_id=ACCOUNT,
        endpoint_id=EndpointId("whe_1"),
        channel="c",
        event_id="e",
        message_id=MessageId("m"),
        state=Occasion.DELIVERED,
        payload=b"",
        created_at=at,
        first_at=at,
        standing=Standing.PARKED,
        attempts=3,
        due=START,
        last=Last(START, failure=Failure.TIMEOUT),
    )


def succeeded(age: int) -> Success:
    at = START - timedelta(microseconds=500 * age)
    return Success(f"whd_s{age:02}", "e", MessageId("m"), Occasion.DELIVERED, at, 200, 1, 12)


def stored(deliveries: list[Delivery], limit: int, behind: Place | None) -> list[Delivery]:
    """What the database gives for a page."""
    rows = sorted(deliveries, key=lambda one: (one.created_at, one.id), reverse=True)
    return [one for one in rows if behind is None or (one.created_at, one.id) < behind][: limit + 1]


@given(AGES, AGES, AGES, some.integers(1, 7))
def test_pages_show_everything_once_and_nothing_that_came_meanwhile(
    parked: list[int], done: list[int], later: list[int], limit: int
) -> None:
    deliveries, successes = [kept(age) for age in parked], [succeeded(age) for age in done]
    expected = {one.id for one in deliveries} | {one.id for one in successes}
    shown: list[str] = []
    cursor = None
    while True:
        behind = place_in({} if cursor is None else {"cursor": cursor})
        found = page(stored(deliveries, limit, behind), successes, limit, behind)
        assert len(found.deliveries) <= limit
        shown += [one.id for one in found.deliveries]
        cursor = found.cursor
        if cursor is None:
            break
        assert len(found.deliveries) == limit
        news = msgspec.structs.replace(succeeded(0), id=f"whd_n{len(shown)}", at=START + timedelta(seconds=1))
        successes = [news, *successes]
    assert len(shown) == len(set(shown))
    assert set(shown) == expected


def test_the_newest_come_first_by_when_they_were_parked_or_succeeded() -> None:
    found = page([kept(0), kept(4)], [succeeded(2)], 10, None)
    assert [one.id for one in found.deliveries] == ["whd_k00", "whd_s02", "whd_k04"]
    assert [one.state for one in found.deliveries] == ["parked", "delivered", "parked"]


@pytest.mark.parametrize("text", ["", "x", "1", "é", cursors.encode("x.y"), cursors.encode("1" * 30 + ".a")])
def test_what_no_page_gave_out_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        place_in({"cursor": text})
    assert [error.code for error in refusal.value.errors] == ["invalid_cursor"]
