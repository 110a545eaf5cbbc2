from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.privacy.keys import FileKeyStore
from shared.stores.mongodb import MongoStore
from tests.integration.dlr.conftest import Outbox
from tests.integration.dlr.inbound.driving import Handset, Life


@pytest.fixture
def live(mongo: MongoStore, keys: FileKeyStore, outbox: Outbox) -> Callable[[], Life]:
    """Makes processes on one database, all writing to one broker."""
    return lambda: Life(mongo, keys, outbox)


@pytest.fixture
async def life(live: Callable[[], Life]) -> Life:
    life = live()
    await life.prepare()
    return life


@pytest.fixture
def handset(keys: FileKeyStore) -> Handset:
    return Handset(keys)
