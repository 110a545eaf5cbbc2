"""Suspicious messages wait for a person, cost nothing while they wait, and the decision is on record (P7)."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cli.exits import Exit
from deploy.local.settings import ROOT
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System, read_env
from tests.support import wait_until


class Desk:
    """Somebody at the desk, with `budstikke holds` and a staff key."""

    def __init__(self, system: System, http: httpx.AsyncClient, key: str) -> None:
        self.http = http
        self._environment = {
            "PATH": os.environ["PATH"],
            "BUDSTIKKE_API": system.api,
            "BUDSTIKKE_STAFF_KEY": key,
        }

    async def holds(self, *arguments: str) -> dict[str, Any]:
        """`budstikke holds … --json`: the answer."""
        process = await asyncio.create_subprocess_exec(
            ROOT / "bin/budstikke", "holds", *arguments, "--json", env=self._environment, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(90):
            output, _ = await process.communicate()
        assert process.returncode == Exit.OK
        answer: dict[str, Any] = json.loads(output)
        return answer

    async def hold_about(self, domain: str) -> str:
        """The open hold about a domain, once the desk has it."""
        found: list[str] = []

        async def there() -> bool:
            answer = await self.holds("list", "--account", "demo")
            found[:] = [
                hold["id"] for hold in answer["holds"] if any(domain in one["evidence"] for one in hold["findings"])
            ]
            return bool(found)

        await wait_until(there, 45, waiting_for=f"a hold about {domain}")
        return found[0]

    async def audit(self, subject: str) -> dict[str, Any]:
        """The line about it on the audit record."""
        entries: list[dict[str, Any]] = (await self.http.get("/admin/audit", params={"account": "demo"})).json()[
            "entries"
        ]
        return next(entry for entry in entries if entry["subject"] == subject)


@pytest.fixture
async def desk(system: System) -> AsyncIterator[Desk]:
    key = read_env(system.local_env)["BUDSTIKKE_STAFF_KEY"]
    async with httpx.AsyncClient(
        base_url=system.api, headers={"authorization": f"Bearer {key}"}, timeout=30.0, trust_env=False
    ) as http:
        yield Desk(system, http, key)


def domain() -> str:
    """One that no other test has links to."""
    return f"d{secrets.token_hex(6)}.no"


async def test_a_message_with_a_link_waits_until_it_is_approved_and_is_delivered_once(
    api: Customer, desk: Desk, fjord: Smsc, numbers: Numbers
) -> None:
    to, name = numbers.norwegian(), domain()
    message = await api.send_one(to, f"Vinn en bil: https://{name}/bil")
    held = await api.until(message, "held")
    assert (held["final"], held["charge"]) == (False, None)
    hold = await desk.hold_about(name)
    shown = await desk.holds("show", hold)
    assert shown["samples"] == [{"id": message, "from": "Budstikke", "text": f"Vinn en bil: https://{name}/bil"}]
    assert await fjord.taken_for(to) == []

    approved = await desk.holds("approve", hold, "--remember-domains", "--reason", "kjent kunde")

    assert approved["decided"]["approved_domains"] == [name]
    delivered = await api.until(message, "delivered")
    states = [step["state"] for step in delivered["history"] if step["state"] != "submitted"]
    assert states == ["accepted", "held", "accepted", "queued", "delivered"], "a receipt may overtake the answer"
    assert delivered["charge"]["parts"] == 1
    assert len(await fjord.taken_for(to)) == 1
    entry = await desk.audit(hold)
    assert (entry["action"], entry["reason"], entry["actor"]["role"]) == ("hold.approve", "kjent kunde", "admin")
    assert entry["actor"]["ip"] == "127.0.0.1"

    await api.delivered(await api.send_one(numbers.norwegian(), f"Mer: www.{name}"))


async def test_a_message_that_a_person_rejects_is_never_sent(
    api: Customer, desk: Desk, fjord: Smsc, numbers: Numbers
) -> None:
    to, name = numbers.norwegian(), domain()
    message = await api.send_one(to, f"Logg inn p\u00e5 {name[:-3]}[.]no")
    await api.until(message, "held")

    await desk.holds("reject", await desk.hold_about(name))

    rejected = await api.until(message, "rejected")
    assert (rejected["reason"], rejected["charge"]) == ("url_not_approved", None)
    assert await fjord.taken_for(to) == []


async def test_a_sender_that_is_not_the_accounts_is_refused(api: Customer, fjord: Smsc, numbers: Numbers) -> None:
    to = numbers.norwegian()

    rejected = await api.until(await api.send_one(to, "Hei", **{"from": "Skatteetat"}), "rejected")

    assert rejected["reason"] == "sender_not_registered"
    assert await fjord.taken_for(to) == []


async def test_a_message_that_waits_can_be_cancelled_by_its_customer(
    api: Customer, desk: Desk, fjord: Smsc, numbers: Numbers
) -> None:
    to, name = numbers.norwegian(), domain()
    message = await api.send_one(to, f"Se https://{name}")
    await api.until(message, "held")
    hold = await desk.hold_about(name)

    answer = await api.http.delete(f"/v1/messages/{message}")

    assert (answer.status_code, answer.json()) == (200, {"id": message, "state": "cancelled"})
    await api.until(message, "cancelled")
    assert (await desk.holds("approve", hold))["messages"]["cancelled"] == 1
    assert (await api.http.delete(f"/v1/messages/{message}")).status_code == 200
    assert await fjord.taken_for(to) == []
