"""An idle system is quick: the figures of `tests/bench/bench_latency.py`, with five times as long for a busy one."""

from __future__ import annotations

from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System
from tests.bench.bench_latency import ACCEPTED, DELIVERED, measure

ROOM = 5
"""Times; a machine that runs tests does other things too."""


async def test_an_idle_system_accepts_and_delivers_at_once(
    system: System, api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    await fjord.behave(receipt_delay_ms=0)
    await api.delivered(await api.send_one(numbers.norwegian(), "Hei", category="otp"))
    figures = await measure(api.http, [numbers.norwegian() for _ in range(30)], category="otp")
    assert figures.accepted.median < ACCEPTED * ROOM, figures
    assert figures.delivered.median < DELIVERED * ROOM, figures
