"""Webhooks are managed by their owner: the door says who asks and for what, and passes the rest on as it came."""

from __future__ import annotations

import pytest

from services.ingest.accounts.account import Account
from services.ingest.accounts.keys import ALL_SCOPES, Scope
from services.ingest.api.forwarding import REFUNDS
from shared.ids import AccountId
from shared.internal.token import ACTOR, HEADER, verify
from shared.internal.token import Scope as Permission
from tests.unit.ingest.api.door import SECRET, Door

ACME = Account(AccountId("acme"), "Acme", default_sender="Acme")


def manager(door: Door) -> dict[str, str]:
    return {"authorization": f"Bearer {door.add(ACME, scopes=ALL_SCOPES | {Scope.ADMIN})}"}


async def test_a_change_goes_on_with_its_body_and_the_key_that_asked(door: Door) -> None:
    door.owner.status, door.owner.body = 201, b'{"id":"e1"}'
    answer = await door.post({"url": "https://example.no/hook"}, "/v1/webhooks", headers=manager(door))
    assert (answer.status_code, answer.content) == (201, b'{"id":"e1"}')
    (asked,) = door.owner.asked
    assert (asked.method, asked.url.raw_path) == ("POST", b"/internal/v1/webhooks")
    assert asked.content == b'{"url":"https://example.no/hook"}'
    claims = verify(SECRET, asked.headers[HEADER], door.clock.now())
    assert (claims.account_id, claims.scope) == ("acme", Permission.MANAGE)
    assert asked.headers[ACTOR] in door.grants


async def test_a_read_goes_on_with_its_query_and_may_not_change_anything(door: Door) -> None:
    door.owner.status = 200
    await door.client.get("/v1/webhooks/e1/deliveries?state=dead&limit=5")
    (asked,) = door.owner.asked
    assert asked.url.raw_path == b"/internal/v1/webhooks/e1/deliveries?state=dead&limit=5"
    assert verify(SECRET, asked.headers[HEADER], door.clock.now()).scope is Permission.READ


async def test_a_key_without_the_scope_changes_nothing(door: Door) -> None:
    answer = await door.post({"url": "https://example.no/hook"}, "/v1/webhooks")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert not door.owner.asked


async def test_a_key_for_tests_has_nothing_refunded_though_it_may_administer(door: Door) -> None:
    key = door.add(ACME, scopes=ALL_SCOPES | {Scope.ADMIN, Scope.TEST})
    headers = {"authorization": f"Bearer {key}"}
    answer = await door.post({"transaction_id": "t1"}, REFUNDS, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert not door.owner.asked
    door.owner.status = 200
    assert (await door.client.get(REFUNDS, headers=headers)).status_code == 200
    assert (await door.post({}, REFUNDS, headers=manager(door))).status_code == 200
    assert (await door.post({}, "/v1/webhooks", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/webhooks/..", "/v1/webhooks/a/b/c/d/e", "/v1/webhooks/%2e%2e/messages/x"])
async def test_a_path_that_leads_elsewhere_is_not_found(door: Door, path: str) -> None:
    answer = await door.client.get(path)
    assert answer.status_code == 404
    assert not door.owner.asked


@pytest.mark.parametrize("status", [None, 401, 403, 503])
async def test_when_the_owner_is_away_or_does_not_trust_us_the_answer_is_to_come_back(
    door: Door, status: int | None
) -> None:
    door.owner.status = status
    answer = await door.client.get("/v1/webhooks")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (answer.json()["detail"], answer.headers["retry-after"]) == ("webhooks_unavailable", "1")


async def test_the_owner_says_which_methods_a_path_has(door: Door) -> None:
    door.owner.status, door.owner.headers = 405, {"allow": "GET, HEAD, POST"}
    answer = await door.client.put("/v1/webhooks", headers=manager(door))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
