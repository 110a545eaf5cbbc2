"""How long a message takes through an idle system: `python -m tests.bench.bench_latency`.

Measures the system that `var/local.env` or the environment names (`make run`), over one connection, one message after
the other. The simulated operators answer at once and send their receipts at once; their settings are put back.

accepted    from the request's first octet to the 202
delivered   from `accepted` to `delivered` in the message's history, on the system's own clock
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from statistics import median, quantiles

import httpx
import msgspec

from deploy.local.settings import ROOT
from shared.contracts.words import Category
from tests.support import wait_until

ACCEPTED = 0.010
DELIVERED = 0.300
"""What the medians should stay below, in seconds, on an idle machine of two cores."""

_LONGEST = 30.0
_FIRST_NUMBER = 98_000_000


class Times(msgspec.Struct, frozen=True):
    """Seconds."""

    median: float
    p95: float
    most: float

    def row(self, name: str, target: float) -> str:
        """One line of the table, in milliseconds."""
        cells = "".join(f"{seconds * 1000:9.1f}" for seconds in (self.median, self.p95, self.most, target))
        return f"{name:30}{cells}"


class Figures(msgspec.Struct, frozen=True):
    """One run."""

    accepted: Times
    delivered: Times


async def measure(api: httpx.AsyncClient, numbers: Sequence[str], *, category: str) -> Figures:
    """Send to each number, waiting for each message's delivery before the next is sent."""
    accepted, delivered = [], []
    for number in numbers:
        body = {"to": number, "text": "Koden din er 1234", "category": category}
        began = time.perf_counter()
        answer = await api.post("/v1/messages", json=body)
        accepted.append(time.perf_counter() - began)
        if answer.status_code != httpx.codes.ACCEPTED:
            raise SystemExit(f"the gateway answered {answer.status_code}: {answer.text}")
        delivered.append(await _way(api, answer.json()["messages"][0]["id"]))
    return Figures(_times(accepted), _times(delivered))


async def _way(api: httpx.AsyncClient, message_id: str) -> float:
    """Seconds from `accepted` to `delivered` of one message."""
    reached: dict[str, datetime] = {}

    async def there() -> bool:
        message = (await api.get(f"/v1/messages/{message_id}")).json()
        reached.update((step["state"], datetime.fromisoformat(step["at"])) for step in message["history"])
        return "delivered" in reached

    await wait_until(there, _LONGEST, waiting_for=f"{message_id} to be delivered")
    return (reached["delivered"] - reached["accepted"]).total_seconds()


def _times(seconds: Sequence[float]) -> Times:
    return Times(median(seconds), quantiles(seconds, n=20)[-1], max(seconds))


async def _run(address: str, key: str, operator: str, count: int) -> None:
    headers = {"authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=_LONGEST) as api,
        httpx.AsyncClient(base_url=operator, trust_env=False) as control,
    ):
        before = (await control.get("/control")).json()["settings"]
        try:
            await control.put("/control", json={"response_delay_ms": 0, "receipt_delay_ms": 0})
            _say(f"{'ms, ' + str(count) + ' messages':30}{'p50':>9}{'p95':>9}{'most':>9}{'target':>9}")
            for category in Category:
                numbers = [f"+47{_FIRST_NUMBER + place}" for place in range(count)]
                await measure(api, numbers[:5], category=category)
                figures = await measure(api, numbers, category=category)
                _say(figures.accepted.row(f"{category}: accepted", ACCEPTED))
                _say(figures.delivered.row(f"{category}: delivered", DELIVERED))
        finally:
            await control.put("/control", json=before)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _told() -> dict[str, str]:
    """`var/local.env`, and the environment before it."""
    path = ROOT / "var/local.env"
    lines = path.read_text().splitlines() if path.exists() else []
    return {**dict(line.split("=", 1) for line in lines if "=" in line), **os.environ}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100, help="messages per category")
    options = parser.parse_args()
    told = _told()
    if "BUDSTIKKE_API" not in told:
        raise SystemExit("no system: start one with `make run`")
    asyncio.run(_run(told["BUDSTIKKE_API"], told["BUDSTIKKE_KEY"], told["BUDSTIKKE_SMSC_CONTROL"], options.messages))


if __name__ == "__main__":
    main()
