"""Who stands behind the door for periods and erasures: the role `api` of retention, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

import pytest
from prometheus_client import CollectorRegistry

from services.retention.api.role import build_api
from shared.http import HttpServer
from shared.kafka.metrics import KafkaMetrics
from shared.service import Context
from tests.integration.ingest.api.conftest import CLOCK, SECRET


@asynccontextmanager
async def open_retention(mongodb: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Start the role, and tell doors that are opened from now on where it is."""
    secret = folder / "internal-secret"
    secret.write_text(SECRET)
    for name, value in {
        "HEALTH_PORT": "0",
        "RETENTION_API_PORT": "0",
        "MONGODB": mongodb,
        "KEY_STORE": str(folder / "keys"),
        "INTERNAL_SECRET": str(secret),
    }.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    registry = CollectorRegistry()
    components = build_api(
        Context(clock=CLOCK, random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry))
    )
    started = []
    try:
        for component in components:
            await component.start()
            started.append(component)
        server = components[-1]
        assert isinstance(server, HttpServer)
        monkeypatch.setenv("BUDSTIKKE_RETENTION_API", f"http://127.0.0.1:{server.port}")
        yield
    finally:
        for component in reversed(started):
            await component.stop(5.0)
