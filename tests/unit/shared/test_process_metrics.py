"""What every process says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from shared.clock import ManualClock
from shared.telemetry.process import ProcessMetrics


def test_the_clock_is_told_as_it_is_when_it_is_asked() -> None:
    registry, clock = CollectorRegistry(), ManualClock(datetime(2026, 11, 24, tzinfo=UTC))
    ProcessMetrics(registry, clock)
    began = clock.now().timestamp()
    assert registry.get_sample_value("budstikke_clock_seconds") == began
    clock.advance(12.5)
    assert registry.get_sample_value("budstikke_clock_seconds") == began + 12.5
