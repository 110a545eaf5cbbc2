from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.ingest.api.door import Door, running


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with running(Door(tmp_path)) as open_door:
        yield open_door
