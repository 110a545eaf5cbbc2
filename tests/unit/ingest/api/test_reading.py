"""Reads are forwarded to the owner of the log; what is too young for it the door remembers for its own account."""

from __future__ import annotations

import gc

import httpx
import pytest

from services.ingest.accounts.account import Account
from services.ingest.api.drafting import draft
from services.ingest.api.recent import Recent
from shared.clock import ManualClock
from shared.ids import AccountId, MessageId
from shared.internal.token import HEADER, Scope, verify
from shared.text.numbers import Number
from tests.unit.ingest.api.door import SECRET, START, Door

ID = "019a8f3c-5d7e-7c1a-9b2d-3e4f5a6b0002"


async def sent(door: Door) -> str:
    answer = await door.post({"to": ["99999998", "99999999"], "text": "Hei", "reference": "r-1"})
    return str(answer.json()["messages"][1]["id"])


async def read(door: Door, message_id: str) -> httpx.Response:
    return await door.client.get(f"/v1/messages/{message_id}")


async def test_the_owner_is_asked_in_the_name_of_the_account(door: Door) -> None:
    door.owner.status, door.owner.body = 200, b'{"id":"x"}'
    answer = await read(door, ID)
    assert (answer.status_code, answer.content) == (200, b'{"id":"x"}')
    (asked,) = door.owner.asked
    assert asked.url == f"http://owner/internal/v1/messages/{ID}"
    claims = verify(SECRET, asked.headers[HEADER], door.clock.now())
    assert (claims.account_id, claims.scope) == ("acme", Scope.READ)
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("status", [404, 500, None])
async def test_a_message_of_a_moment_ago_is_accepted_whatever_the_owner_says(door: Door, status: int | None) -> None:
    message_id = await sent(door)
    door.owner.status = status
    answer = await read(door, message_id)
    assert answer.status_code == 200
    assert answer.json() == {
        "id": message_id,
        "to": "+4799999999",
        "from": "Acme",
        "state": "accepted",
        "final": False,
        "parts": 1,
        "coding": "gsm7",
        "history": [{"state": "accepted", "at": "2026-11-23T08:00:00Z"}],
        "reference": "r-1",
    }


async def test_another_account_is_told_that_it_does_not_exist(door: Door) -> None:
    message_id = await sent(door)
    other = door.client_with(door.add(Account(AccountId("other"), "Other")))
    assert (await other.get(f"/v1/messages/{message_id}")).status_code == 404


async def test_memory_ends_after_a_minute(door: Door) -> None:
    message_id = await sent(door)
    door.clock.advance(60)
    assert (await read(door, message_id)).status_code == 404


@pytest.mark.parametrize("status", [401, 500, None])
async def test_an_owner_that_does_not_answer_is_no_404(door: Door, status: int | None) -> None:
    door.owner.status = status
    answer = await read(door, ID)
    assert (answer.status_code, answer.json()["detail"]) == (503, "messages_unavailable")
    assert "retry-after" in answer.headers


@pytest.mark.parametrize("message_id", ["1", ID.upper(), f"{ID}0", ID.replace("-", ""), "..%2f..%2fadmin", f"{ID}%0a"])
async def test_what_is_no_id_is_not_asked_for(door: Door, message_id: str) -> None:
    assert (await read(door, message_id)).status_code == 404
    assert door.owner.asked == []


async def test_a_read_needs_a_key(door: Door) -> None:
    assert (await door.client_with("x").get(f"/v1/messages/{ID}")).status_code == 401


async def test_memory_is_bounded_by_count_too() -> None:
    clock = ManualClock(START)
    recent = Recent(clock, size=10)
    drafted = draft(b'{"to":["99999999"],"text":"Hei"}', "Acme")
    account = AccountId("acme")
    ids = [MessageId(f"{number}") for number in range(30)]
    for message_id in ids:
        recent.add(account, drafted, [Number("+4799999999")], [message_id])
    assert [recent.get(account, message_id) is not None for message_id in ids] == [False] * 20 + [True] * 10


async def test_memory_holds_nothing_that_the_garbage_collector_follows() -> None:
    recent = Recent(ManualClock(START))
    drafted = draft(b'{"to":["99999999"],"text":"Hei"}', "Acme")
    gc.collect()
    before = len(gc.get_objects())
    for number in range(5_000):
        recent.add(AccountId("acme"), drafted, [Number(f"+47{number}")], [MessageId(f"{number}")])
    gc.collect()
    assert len(gc.get_objects()) - before < 500
