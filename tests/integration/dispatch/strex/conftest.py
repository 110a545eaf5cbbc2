"""Rows of its own for each test, a simulated Strex, and lives that end with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from shared.privacy.pseudonyms import Pseudonyms
from shared.stores.mongodb import Database
from tests.integration.dispatch.rig import Broker
from tests.integration.dispatch.strex.rig import Life
from tests.integration.strex.peers import Simulator
from tests.unit.dispatch.building import Letters
from tests.unit.dispatch.strex.orders import Orders

Live = Callable[..., Awaitable[Life]]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator().running() as running:
        yield running


@pytest.fixture
def sealing(tmp_path: Path) -> Letters:
    return Letters(tmp_path)


@pytest.fixture
def orders(sealing: Letters) -> Orders:
    return Orders(sealing.sealer)


@pytest.fixture
async def live(database: Database, simulator: Simulator, sealing: Letters) -> AsyncIterator[Live]:
    """Starts lives, which share one broker; those still alive at the end of the test end."""
    lives: list[Life] = []
    broker = Broker()

    async def make(**options: Any) -> Life:
        keys = Pseudonyms(sealing.keys)
        lives.append(Life(database, simulator, sealing.fresh_sealer(), keys, broker=broker, **options))
        await lives[-1].start()
        return lives[-1]

    yield make
    for life in lives:
        await life.stop()


@pytest.fixture
async def life(live: Live) -> Life:
    return await live()
