from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.strex.peers import Client, Simulator


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator().running() as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    client = Client(simulator)
    yield client
    await client.close()
