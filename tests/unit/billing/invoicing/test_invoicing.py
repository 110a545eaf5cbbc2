"""How often the role looks for months that are to be closed."""

from __future__ import annotations

import asyncio

import pytest

from services.billing.invoicing.invoicing import Invoicing
from tests.unit.dispatch.simulation.time import VirtualLoop


@pytest.mark.parametrize(("seconds", "looks"), [(1.0, [0, 2, 4, 6]), (1800.0, [0, 1800, 3600])])
def test_while_there_is_nothing_it_looks_every_two_seconds_and_never_later_than_it_was_told(
    seconds: float, looks: list[float]
) -> None:
    times: list[float] = []

    async def step() -> bool:
        times.append(asyncio.get_running_loop().time())
        return False

    async def live() -> None:
        invoicing = Invoicing(step, seconds=seconds)
        await invoicing.start()
        await asyncio.sleep(looks[-1] + 0.5)
        await invoicing.stop(1.0)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(live())

    assert times == looks
