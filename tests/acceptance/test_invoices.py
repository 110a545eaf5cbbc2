"""From a delivered message to usage, and from the close of the month, which is in the tour, to books that balance."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import httpx
import mockeinvoice
from peppol.xsd import validate_xsd
from pymongo import AsyncMongoClient

from shared.clock import SystemClock
from shared.money.periods import month_of
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.pages import bash, known
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System
from tests.support import wait_until


async def in_the_ledger(system: System, *messages: str) -> dict[str, int]:
    """Parts of these messages; what others sent before may be counted at the same time."""
    async with AsyncMongoClient[dict[str, Any]](system.mongodb) as client:
        rows = await client.billing.usage.find({"_id": {"$regex": f"^({'|'.join(messages)})"}}).to_list()
    parts = Counter[str]()
    for row in rows:
        parts[row["_id"].partition(":")[0]] += row["parts"]
    return dict(parts)


async def test_messages_are_usage_and_a_closed_month_is_an_invoice_whose_books_balance(
    system: System, api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    month = month_of(SystemClock().now())
    async with httpx.AsyncClient(
        base_url=system.api, headers={"authorization": f"Bearer {system.key}"}, trust_env=False
    ) as http:

        async def parts() -> int:
            return int((await http.get(f"/v1/usage?month={month}")).json()["parts"])

        before = await parts()
        taken = [await api.send_one(numbers.norwegian(), "Hei" * 60, test=False) for _ in range(2)]
        trial = await api.send_one("+4790007790", "Prøve", test=True)
        for message in (*taken, trial):
            await api.until(message, "delivered")

        async def counted() -> bool:
            return len(await in_the_ledger(system, *taken)) == 2 and await parts() >= before + 4

        await wait_until(counted, 30)
        assert await in_the_ledger(system, *taken, trial) == {taken[0]: 2, taken[1]: 2}

        code, output = await bash(f"{known(system)}\nbin/budstikke billing close {month} --early --json")
        assert code == 0, output
        assert json.loads(output)["figures"]["parts"] >= 1, "the tour has closed the month: a repeat changes nothing"

        (invoice,) = (await http.get("/v1/invoices")).json()["invoices"]
        document = (await http.get(f"/v1/invoices/{invoice['number']}/ehf")).content
    _, report = mockeinvoice.validate(document)
    assert report.findings == []
    assert validate_xsd(document) == (True, [])
    code, output = await bash(f"{known(system)}\n.venv/bin/python examples/finance/balance.py")
    assert code == 0, output
    assert output.startswith(month)
