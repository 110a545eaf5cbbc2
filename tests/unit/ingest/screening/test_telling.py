"""Sums per account, once a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from services.ingest.screening.counting import Kind, Tallies
from services.ingest.screening.telling import CountsRelay
from shared.clock import ManualClock
from shared.contracts.abuse import TrafficCounted
from shared.errors import TryLater
from shared.ids import AccountId
from shared.kafka.record import Output
from tests.support import wait_until
from tests.unit.dispatch.building import START
from tests.unit.ingest.screening.building import event, ids


class Topic:
    def __init__(self, partitions: int = 3) -> None:
        self.count = partitions
        self.sent: list[Output] = []
        self.away = False

    async def send(self, outputs: Sequence[Output]) -> None:
        if self.away:
            raise TryLater("kafka_send_timeout", "away")
        self.sent += outputs

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        return {topic: self.count for topic in topics if self.count}


async def test_what_was_decided_is_told_in_sums_and_what_is_left_at_the_end() -> None:
    topic, tallies = Topic(), Tallies()
    relay = CountsRelay(tallies, topic.send, topic.partitions, ManualClock(START), every=0.01)
    await relay.start()
    for kind in (Kind.PASSED, Kind.PASSED, Kind.HELD):
        tallies.add(AccountId("acme"), kind)
    await wait_until(lambda: bool(topic.sent))
    tallies.add(AccountId("b"), Kind.REFUSED)
    tallies.add(AccountId("b"), Kind.DELAYED)
    assert relay.health().ready
    await relay.stop(1.0)

    assert [event(output) for output in topic.sent] == [
        TrafficCounted(account_id=AccountId("acme"), until=START, passed=2, held=1),
        TrafficCounted(account_id=AccountId("b"), until=START, refused=1, delayed=1),
    ]
    assert [output.key for output in topic.sent] == [b"acme", b"b"]
    assert len(set(ids(topic.sent))) == 2
    assert {output.partition for output in topic.sent} <= {0, 1, 2}
    assert not relay.health().ready


async def test_what_cannot_be_sent_is_dropped() -> None:
    topic, tallies = Topic(), Tallies()
    relay = CountsRelay(tallies, topic.send, topic.partitions, ManualClock(START))
    topic.away = True
    tallies.add(AccountId("acme"), Kind.PASSED)
    await relay.tell()
    topic.away = False
    await relay.tell()
    assert topic.sent == []


async def test_without_its_topic_it_does_not_start() -> None:
    topic = Topic(partitions=0)
    with pytest.raises(TryLater, match="kafka_topic_missing"):
        await CountsRelay(Tallies(), topic.send, topic.partitions, ManualClock(START)).start()
