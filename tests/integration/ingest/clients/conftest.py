"""A broker with the listener for client systems, and a database, for the tests of this folder and its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from deploy.local.ports import free_port


@pytest.fixture(scope="session")
def secured(jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker that client systems may log in to."""
    folder = tmp_path_factory.mktemp("secured")
    broker = Kafka(
        data=folder / "data",
        log=folder / "kafka.log",
        port=free_port(),
        controller_port=free_port(),
        clients_port=free_port(),
        jars=jars,
    )
    try:
        broker.start()
        broker.wait_ready()
        yield broker
    finally:
        broker.kill()
