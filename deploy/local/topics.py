"""The catalogue's topics on the broker of a run."""

from __future__ import annotations

import asyncio

from deploy.local.plan import OPERATORS
from shared.contracts.topics import LOCAL, specs
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import TopicSpec, create


def local_specs() -> tuple[TopicSpec, ...]:
    """Every topic of a run on one machine."""
    return specs([operator.name for operator in OPERATORS], LOCAL)


def create_missing(bootstrap: str) -> frozenset[str]:
    """Create what is missing; the names of the new ones."""
    return asyncio.run(create(KafkaSettings(bootstrap=bootstrap, client_id="local-topics"), local_specs()))
