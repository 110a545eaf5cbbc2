"""The age of a record counts from its event, else from its arrival on the topic."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from shared.clock import ManualClock
from shared.kafka.ages import Ages
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Headers, Received, Record
from tests.support import wait_until
from tests.unit.kafka.kit import Finish, Kit, copies_to

WRITTEN = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "age"),
    [
        ((), 30.0),
        ((("ce_time", b"2026-01-01T11:59:00+00:00"),), 90.0),
        ((("ce_time", b"2026-01-01T11:59:00Z"),), 90.0),
        ((("ce_time", b"yesterday"),), 30.0),
        ((("ce_time", b"\xff"),), 30.0),
        ((("ce_time", b"2036-01-01T12:00:00Z"),), 0.0),
    ],
)
def test_age_of_a_record(headers: Headers, age: float) -> None:
    registry, clock = CollectorRegistry(), ManualClock(WRITTEN)
    clock.advance(30.0)
    record = Record("t", 3, 0, int(WRITTEN.timestamp() * 1000), None, None, headers)
    Ages("g", clock, KafkaMetrics(registry)).finished(record)
    labels = {"group": "g", "topic": "t", "partition": "3"}
    assert registry.get_sample_value("kafka_oldest_record_age_seconds", labels) == age
    assert registry.get_sample_value("kafka_record_age_seconds_sum", {"group": "g"}) == age


async def test_both_kinds_of_stage_measure_once_a_batch_and_forget_what_they_give_away(kit: Kit) -> None:
    source, target = await kit.topic(), await kit.topic()
    kept: list[tuple[Received[str], Finish]] = []

    async def keep(batch: list[Received[str]], finish: Finish) -> None:
        kept.extend((received, finish) for received in batch)

    old = (("ce_time", b"2020-01-01T00:00:00Z"),)
    await kit.write(source, "a", "b", "c", headers=old)
    copier = await kit.transactional([source], copies_to(target))
    keeper = await kit.at_least_once([target], keep)
    await wait_until(lambda: len(kept) == 3)

    def measured(group: str) -> float:
        return kit.sample("kafka_record_age_seconds_count", group=group) or 0.0

    await wait_until(lambda: measured(copier.name) == 1)
    kept[1][1](kept[1][0])
    assert measured(keeper.name) == 0
    kept[0][1](kept[0][0])
    kept[2][1](kept[2][0])
    assert measured(keeper.name) == 1
    place = {"group": keeper.name, "topic": target, "partition": "0"}
    assert (kit.sample("kafka_oldest_record_age_seconds", **place) or 0.0) > 100_000_000
    await asyncio.gather(keeper.stop(5.0), copier.stop(5.0))
    assert kit.sample("kafka_oldest_record_age_seconds", **place) is None
