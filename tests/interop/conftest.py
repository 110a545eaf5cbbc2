"""Peers that somebody else wrote; each test names the one it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.integration.smpp.peers import Lines


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    async with AsyncExitStack() as stack:
        yield Lines(stack)
