"""From a delivered message over the close of its month to the invoice, and to the books of finance that balance."""

from __future__ import annotations

import json
from typing import Any

import httpx
import mockeinvoice
from peppol.xsd import validate_xsd

from shared.clock import SystemClock
from shared.money.periods import month_of
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.pages import bash, known
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System
from tests.support import wait_until

RECORD = {
    "name": "Demo AS",
    "organisation_number": "984066910",
    "address": {"street": "Storgata 1", "postal_code": "0150", "city": "Oslo"},
    "plan": "standard",
    "accounts": ["demo"],
}


async def test_a_message_comes_to_an_invoice_and_the_books_balance(
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
            return await parts() >= before + 4

        await wait_until(counted, 30)
        assert await parts() == before + 4

        code, output = await bash(
            f"{known(system)}\nbin/budstikke billing set-customer demo <<< '{json.dumps(RECORD)}'"
        )
        assert code == 0, output
        assert (await closed(system, month))["figures"]["parts"] >= before + 4

        (invoice,) = (await http.get("/v1/invoices")).json()["invoices"]
        document = (await http.get(f"/v1/invoices/{invoice['number']}/ehf")).content
    _, report = mockeinvoice.validate(document)
    assert report.findings == []
    assert validate_xsd(document) == (True, [])
    code, output = await bash(f"{known(system)}\n.venv/bin/python examples/finance/balance.py")
    assert code == 0, output
    assert output.startswith(month)


async def closed(system: System, month: str) -> dict[str, Any]:
    """The close of a month at its end; accounts that other tests made have no customer, and wait for one."""
    command = f"{known(system)}\nbin/budstikke billing close {month} --early --json"
    code, output = await bash(command)
    if code != 0:
        refused = json.loads(output.splitlines()[-1])
        assert refused["code"] == "account_without_customer", output
        leave = " ".join(f"--leave {error['message'].removeprefix('account ')}" for error in refused["errors"])
        code, output = await bash(f"{command} {leave}")
    assert code == 0, output
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return answer
