"""A ledger of its own for each test, an SMSC, and lives that end with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.stores.mongodb import Database, MongoStore
from tests.integration.dispatch.rig import Life, Smsc
from tests.unit.dispatch.building import Letters

Live = Callable[..., Life]


@pytest.fixture
async def database(mongodb: str) -> AsyncIterator[Database]:
    store = MongoStore(mongodb, f"dispatch_{uuid4().hex[:12]}")
    await store.start()
    yield store.database
    await store.database.client.drop_database(store.database.name)
    await store.stop(1.0)


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    return Letters(tmp_path)


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    smsc = Smsc()
    await smsc.start()
    yield smsc
    await smsc.stop()


@pytest.fixture
async def live(database: Database, smsc: Smsc, letters: Letters) -> AsyncIterator[Live]:
    """Makes lives; those still alive at the end of the test die."""
    lives: list[Life] = []

    def make(**options: Any) -> Life:
        lives.append(Life(database, smsc, letters.fresh_sealer(), letters.keys, owner=f"owner {len(lives)}", **options))
        return lives[-1]

    yield make
    for life in lives:
        if life.alive:
            await life.die()
