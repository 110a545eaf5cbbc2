"""How long a message takes through an idle system: `make bench-latency`.

Over one connection, one message after the other, for each category. The simulated operators answer at once and send
their receipts at once.

accepted    from the request's first octet to the 202
delivered   from `accepted` to `delivered` in the message's history, on the system's own clock
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

import httpx
import msgspec

from docs.sections.figures import Figure
from shared.contracts.words import Category
from shared.trust import trusted
from tests.acceptance.system import read_env
from tests.bench import command
from tests.bench.targets import Target
from tests.running import Run
from tests.support import wait_until

ACCEPTED = 0.010
DELIVERED = 0.300
"""What the medians should stay below, in seconds, on an idle machine of two cores."""

_LONGEST = 30.0
_START = 400.0
_FIRST_NUMBER = 98_000_000


class Times(msgspec.Struct, frozen=True):
    """Seconds."""

    median: float
    p95: float
    most: float

    def figure(self, name: str) -> Figure:
        """What is not judged, in milliseconds."""
        return Figure(f"{name}, p95 and longest", f"{self.p95 * 1000:.1f}, {self.most * 1000:.1f} ms")


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


async def _of_each(told: Mapping[str, str], count: int) -> Mapping[Category, Figures]:
    """Of every category, after some messages that do not count."""
    headers = {"authorization": f"Bearer {told['BUDSTIKKE_KEY']}"}
    async with (
        httpx.AsyncClient(
            base_url=told["BUDSTIKKE_API"], headers=headers, trust_env=False, timeout=_LONGEST, verify=trusted()
        ) as api,
        httpx.AsyncClient(base_url=told["BUDSTIKKE_SMSC_CONTROL"], trust_env=False, verify=trusted()) as control,
    ):
        await control.put("/control", json={"response_delay_ms": 0, "receipt_delay_ms": 0})
        found = {}
        for category in Category:
            numbers = [f"+47{_FIRST_NUMBER + place}" for place in range(count)]
            await measure(api, numbers[:5], category=category)
            found[category] = await measure(api, numbers, category=category)
        return found


def run(folder: Path, count: int) -> command.Found:
    """As a table, of a system of its own."""
    system = Run(folder)
    system.start()
    try:
        system.wait_ready(_START)
        found = asyncio.run(_of_each(read_env(system.local_env), count))
    finally:
        system.stop()
    judged, figures = {}, [Figure("messages of each category", f"{count:,}")]
    for category, each in found.items():
        for word, times, most in (("accepted", each.accepted, ACCEPTED), ("delivered", each.delivered, DELIVERED)):
            name = f"{category}: {word}"
            judged[Target(f"{name}, p50", most * 1000, "ms", at_most=True)] = [times.median * 1000]
            figures.append(times.figure(name))
    return command.Found(judged, figures, good=True)


def main() -> int:
    """Command line."""
    parser = command.parser(__doc__)
    parser.add_argument("--messages", type=int, default=100, help="messages of each category")
    options = parser.parse_args()
    return command.run("latency", options, lambda folder: run(folder, options.messages))


if __name__ == "__main__":
    sys.exit(main())
