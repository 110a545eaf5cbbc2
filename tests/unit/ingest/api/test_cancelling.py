"""A message that waits can be cancelled by its account, once and for all; any other cannot."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from services.ingest.accounts.account import Account
from services.ingest.accounts.keys import Scope
from services.ingest.desk.rows import Held
from shared.contracts.words import Lane
from shared.ids import AccountId, MessageId
from tests.unit.dispatch.building import Letters
from tests.unit.ingest.api.door import START, Door

ID = MessageId("019a8f3c-5d7e-7c1a-9b2d-3e4f5a6b0002")


@pytest.fixture
def held(door: Door, tmp_path: Path) -> Held:
    """A message of the account that waits at the desk."""
    request = Letters(tmp_path / "letters").requested()
    one = Held(
        message_id=ID,
        account_id=AccountId("acme"),
        why="hold_1",
        hold_id=None,
        lane=Lane.STANDARD,
        pseudonym="2026:00",
        request=msgspec.json.encode(request),
        requested_at=START,
        since=START,
        expires_at=START + timedelta(hours=1),
    )
    door.desk.held[ID] = one
    return one


async def cancel(door: Door, client: httpx.AsyncClient | None = None) -> httpx.Response:
    return await (client or door.client).delete(f"/v1/messages/{ID}")


async def test_a_message_that_waits_is_cancelled_and_a_repeat_is_nothing(door: Door, held: Held) -> None:
    for _ in range(2):
        answer = await cancel(door)
        assert (answer.status_code, answer.json()) == (200, {"id": ID, "state": "cancelled"})
        assert door.desk.held[ID].cancelled_at == START
        door.clock.advance(5)
    assert door.owner.asked == []


@pytest.mark.parametrize("state", ["queued", "submitted", "delivered", "rejected"])
async def test_one_that_does_not_wait_is_told_with_its_state(door: Door, state: str) -> None:
    door.owner.status, door.owner.body = 200, msgspec.json.encode({"id": ID, "state": state, "parts": 1})
    answer = await cancel(door)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")
    assert answer.json()["detail"] == f"the message is {state}"


async def test_one_that_was_cancelled_long_ago_is_still_cancelled(door: Door) -> None:
    door.owner.status, door.owner.body = 200, b'{"state": "cancelled"}'
    assert (await cancel(door)).status_code == 200


@pytest.mark.parametrize("state", ["accepted", "held", "scheduled"])
@pytest.mark.parametrize("racing", [True, False])
async def test_one_that_is_on_the_move_is_asked_for_again(door: Door, held: Held, racing: bool, state: str) -> None:
    """It waits or may come to, says the log, but the desk has it not yet; or lets it go as we look."""
    door.owner.status, door.owner.body = 200, msgspec.json.encode({"state": state})
    door.desk.racing = racing
    if not racing:
        door.desk.held.clear()
    answer = await cancel(door)
    assert (answer.status_code, answer.json()["detail"]) == (503, "message_moving")
    assert int(answer.headers["retry-after"]) > 0


async def test_one_that_was_just_posted_is_asked_for_again(door: Door) -> None:
    """Nobody has screened it yet: it may be held a moment later."""
    posted = await door.post({"to": "+4799999999", "text": "Hei"})
    answer = await door.client.delete(f"/v1/messages/{posted.json()['messages'][0]['id']}")
    assert (answer.status_code, answer.json()["detail"]) == (503, "message_moving")


async def test_another_accounts_message_does_not_exist(door: Door, held: Held) -> None:
    other = door.client_with(door.add(Account(AccountId("other"), "Other")))
    assert (await cancel(door, other)).status_code == 404
    assert door.desk.held[ID] == held
    assert (await door.client.delete("/v1/messages/1")).status_code == 404


async def test_it_needs_a_key_that_may_send_what_it_cancels(door: Door, held: Held) -> None:
    account = Account(AccountId("acme"), "Acme")
    reader = door.client_with(door.add(account, scopes=frozenset({Scope.READ})))
    tester = door.client_with(door.add(account, scopes=frozenset({Scope.SEND, Scope.TEST})))
    assert [(await cancel(door, client)).status_code for client in (reader, tester)] == [403, 403]
    assert door.desk.held[ID] == held


@pytest.mark.parametrize("scopes", [{Scope.SEND}, {Scope.SEND, Scope.TEST}])
async def test_a_key_that_may_not_read_is_not_told_the_state(door: Door, scopes: set[Scope]) -> None:
    door.owner.status, door.owner.body = 200, b'{"state": "delivered"}'
    sender = door.client_with(door.add(Account(AccountId("acme"), "Acme"), scopes=frozenset(scopes)))
    answer = await cancel(door, sender)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")
    assert "delivered" not in answer.text


async def test_other_methods_are_refused_with_both_named(door: Door) -> None:
    answer = await door.client.put(f"/v1/messages/{ID}")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "DELETE"}
