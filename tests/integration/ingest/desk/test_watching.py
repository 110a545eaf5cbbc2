"""How long holds wait for a person is measured."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.desk.metrics import DeskMetrics
from services.ingest.desk.watching import HoldWatch
from shared.contracts.holds import Finding, HoldRule
from tests.integration.ingest.desk.conftest import Desk

OTHER = (Finding(rule=HoldRule.UNAPPROVED_LINK, evidence=("other.example",)),)


async def waited(desk: Desk) -> float | None:
    registry = CollectorRegistry()
    await HoldWatch(desk.store, desk.clock, DeskMetrics(registry)).look()
    return registry.get_sample_value("budstikke_desk_oldest_hold_seconds")


async def test_the_oldest_hold_that_nobody_has_decided_on_is_told(desk: Desk) -> None:
    assert await waited(desk) == 0.0
    older = desk.held()
    await desk.took(older)
    desk.clock.advance(600.0)
    await desk.took(desk.held(findings=OTHER))
    desk.clock.advance(60.0)
    assert await waited(desk) == pytest.approx(660.0, abs=0.01)
    await desk.approve(older.hold_id)
    await desk.releasing().work()
    assert await waited(desk) == pytest.approx(60.0, abs=0.01)


async def test_a_hold_whose_messages_are_all_over_waits_for_nobody(desk: Desk) -> None:
    await desk.took(desk.held())
    desk.clock.advance(timedelta(days=4).total_seconds())
    await desk.releasing().work()
    assert await waited(desk) == 0.0
