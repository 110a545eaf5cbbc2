"""A client of the real Valkey, and one that a test may kill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from deploy.local.valkey import Valkey
from shared.stores.valkey import ValkeyStore


@pytest.fixture
async def store(valkey: str) -> AsyncIterator[ValkeyStore]:
    one = ValkeyStore(valkey)
    await one.start()
    yield one
    await one.stop(1.0)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Valkey]:
    """A server of the test's own."""
    server = Valkey(data=tmp_path / "valkey", log=tmp_path / "valkey.log", port=free_port())
    server.start()
    server.wait_ready()
    yield server
    server.kill()
