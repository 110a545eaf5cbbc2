"""The stages of the role `router`, as they are wired."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.dispatch.router import role
from shared.clock import SystemClock
from shared.contracts.words import Lane
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


class Stage(msgspec.Struct, frozen=True):
    """One, as it was asked for."""

    group: str
    topics: tuple[str, ...]
    linger: float | None


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[Stage]:
    """All of the role."""
    found: list[Stage] = []

    def runner(*, group: str, topics: Sequence[str], linger: float | None = None, **_: Any) -> object:
        found.append(Stage(group, tuple(topics), linger))
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
    return found


def test_what_may_be_express_waits_for_no_company(stages: Sequence[Stage]) -> None:
    """Parts of all lanes come back on one topic."""
    at_once = {stage.group for stage in stages if stage.linger == 0.0}
    assert at_once == {"dispatch.router.express", "dispatch.router.returns"}


def test_each_lane_is_read_in_a_group_of_its_own(stages: Sequence[Stage]) -> None:
    """A lane that shared a consumer with another would wait for that one's fetches."""
    read = {(stage.group, stage.topics) for stage in stages if not stage.group.endswith("returns")}
    assert read == {(f"dispatch.router.{lane}", (f"sms.accepted.{lane}",)) for lane in Lane}
