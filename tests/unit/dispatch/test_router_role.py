"""The stages of the role `router`, as they are wired."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.dispatch.router import role
from shared.clock import SystemClock
from shared.kafka.metrics import KafkaMetrics
from shared.service import Context

OPERATORS = """
operators:
  fjord:
    links:
      - {name: fjord-1, host: 127.0.0.1, port: 2775, system_id: us, password_env: FJORD_PASSWORD, window: 10}
routes:
  - {prefix: "+47", operator: fjord}
"""


async def test_what_may_be_express_waits_for_no_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of all lanes come back on one topic."""
    at_once: set[str] = set()

    def runner(*, group: str, linger: float | None = None, **_: Any) -> object:
        if linger == 0.0:
            at_once.add(group)
        return object()

    operators = tmp_path / "operators.yaml"
    operators.write_text(OPERATORS)
    monkeypatch.setenv("FJORD_PASSWORD", "secret")
    monkeypatch.setenv("BUDSTIKKE_HEALTH_PORT", "0")
    monkeypatch.setenv("BUDSTIKKE_KAFKA", "127.0.0.1:9092")
    monkeypatch.setenv("BUDSTIKKE_OPERATORS", str(operators))
    monkeypatch.setenv("BUDSTIKKE_KEY_STORE", str(tmp_path / "keys"))
    monkeypatch.setattr(role, "TransactionalRunner", runner)
    registry = CollectorRegistry()
    role.build_router(Context(SystemClock(), SystemRandom(), registry, KafkaMetrics(registry)))
    assert at_once == {"dispatch.router.express", "dispatch.router.returns"}
