"""A test message goes the whole way, to the operator `test`, and reaches no real one."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.acceptance.customer import Customer, customer_of
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System, read_env
from tests.running import Run

ENDINGS = [
    ("90", "delivered", None),
    ("91", "undelivered", "handset_unreachable"),
    ("92", "expired", "validity_over"),
    ("93", "undelivered", "operator_deleted"),
    ("94", "undelivered", "operator_rejected"),
    ("95", "undelivered", "operator_unknown"),
    ("96", "failed", "operator_refused"),
    ("97", "delivered", None),
]
"""The table of services/ingest/README.md."""


async def test_the_last_digits_of_the_number_decide_what_becomes_of_a_test_message(
    api: Customer, fjord: Smsc, tinde: Smsc
) -> None:
    numbers = [f"+47900077{ending}" for ending, _, _ in ENDINGS]
    ids = [message["id"] for message in await api.send(numbers, "Prøve", test=True)]
    ends = await asyncio.gather(
        *(api.until(message, state) for message, (_, state, _) in zip(ids, ENDINGS, strict=True))
    )
    assert [(end["state"], end["reason"]) for end in ends] == [(state, reason) for _, state, reason in ENDINGS]
    histories = {tuple(step["state"] for step in end["history"]) for end in ends}
    assert any("buffered" in history for history in histories)
    for smsc in (fjord, tinde):
        assert await smsc.taken_for(*numbers) == []


async def test_a_test_key_sends_tests_only(run_env: dict[str, str], system: System, fjord: Smsc) -> None:
    staff = {"authorization": f"Bearer {run_env['BUDSTIKKE_STAFF_KEY']}"}
    body = {"name": "trial", "scopes": ["messages:send", "messages:read", "test"]}
    async with httpx.AsyncClient(base_url=system.api, headers=staff, trust_env=False) as http:
        made = (await http.post("/admin/accounts/demo/keys", json=body)).json()
    assert made["key"].startswith("bsk_test_")
    async with customer_of(system.api, made["key"]) as customer:
        message = await customer.send_one("+4790007799", "Prøve", test=False)
        assert (await customer.until(message, "delivered"))["state"] == "delivered"
    assert await fjord.taken_for("+4790007799") == []


@pytest.fixture
def run_env(run: Run) -> dict[str, str]:
    return read_env(run.local_env)
