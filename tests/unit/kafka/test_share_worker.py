"""A batch is made of the oldest records that wait, and keeps the order of each partition whatever the clocks said."""

from __future__ import annotations

import asyncio
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.port import Consumer, Fetched
from shared.kafka.record import Record, TopicPartition
from shared.kafka.share import Bounds, Share
from shared.kafka.share_worker import oldest
from shared.kafka.suspicion import Suspicion


def share(number: int, ages: list[int]) -> Share:
    share = Share(TopicPartition("t", number), cast("Consumer", None), asyncio.Event(), Bounds())
    records = [Record("t", number, offset, age, None, None, ()) for offset, age in enumerate(ages)]
    share.add(Fetched(records, len(records)))
    return share


@given(
    ages=st.lists(st.lists(st.integers(0, 30), max_size=12), min_size=1, max_size=4),
    most=st.integers(0, 20),
    clocks_go_back=st.booleans(),
)
def test_the_oldest_of_all_shares_are_taken(ages: list[list[int]], most: int, clocks_go_back: bool) -> None:
    shares = [share(number, part if clocks_go_back else sorted(part)) for number, part in enumerate(ages)]
    everything = [record for each in shares for record in each]
    records, parts = oldest(shares, most)
    assert len(records) == min(most, len(everything))
    for each, count in parts:
        assert [r for r in records if r.partition == each.partition.partition] == each.take(count)
    if not clocks_go_back:
        by_age = sorted(record.timestamp for record in everything)
        assert [record.timestamp for record in records] == by_age[:most]


def test_a_suspect_comes_alone_and_in_its_turn() -> None:
    suspected, other = share(0, [1, 4, 7]), share(1, [2, 3, 5, 6])
    suspected.suspicion = Suspicion(1, 1)
    batches = []
    while len(suspected) or len(other):
        records, parts = oldest([suspected, other], 10)
        batches.append([record.timestamp for record in records])
        for each, count in parts:
            each.take(count)
    assert batches == [[1], [2, 3], [4], [5, 6, 7]]
