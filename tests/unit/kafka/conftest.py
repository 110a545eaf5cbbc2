"""A kit on a cluster in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.kafka.memory import MemoryCluster
from shared.kafka.settings import KafkaSettings
from tests.unit.kafka.kit import Kit, MemoryTruth


@pytest.fixture
async def memory() -> MemoryCluster:
    """A cluster in memory."""
    return MemoryCluster()


@pytest.fixture
async def kit(memory: MemoryCluster) -> AsyncIterator[Kit]:
    """A kit on it."""
    kit = Kit(memory, KafkaSettings("memory", heartbeat_interval=0.05), MemoryTruth(memory))
    yield kit
    await kit.close()
