from __future__ import annotations

from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import TimeOrderedIds, partition_of

PLACES = st.integers(1, 256).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n)))


@given(place=PLACES, seed=st.integers())
def test_an_id_falls_into_the_partition_it_was_made_for(place: tuple[int, int], seed: int) -> None:
    partition, partitions = place
    assert partition_of(TimeOrderedIds(Random(seed)).mint(partition, partitions), partitions) == partition


@given(place=PLACES, seed=st.integers())
def test_an_id_is_a_canonical_uuid_of_version_7(place: tuple[int, int], seed: int) -> None:
    message_id = TimeOrderedIds(Random(seed)).mint(*place)
    assert str(UUID(message_id)) == message_id
    assert UUID(message_id).version == 7
    assert UUID(message_id).variant == "specified in RFC 4122"


@given(st.uuids(), st.integers(1, 256))
def test_the_last_sixteen_bits_decide_the_partition(message_id: UUID, partitions: int) -> None:
    assert partition_of(str(message_id), partitions) == (message_id.int & 0xFFFF) % partitions
    assert partition_of(str(message_id).upper(), partitions) == partition_of(str(message_id), partitions)


@pytest.mark.parametrize("partition", [0, 11])
def test_ids_of_one_partition_are_unique_and_ordered_by_time(partition: int) -> None:
    source = TimeOrderedIds(Random(7))
    made = [source.mint(partition, 12) for _ in range(20_000)]
    assert len(set(made)) == len(made)
    milliseconds = [UUID(message_id).int >> 80 for message_id in made]
    assert milliseconds == sorted(milliseconds)


class Edge(Random):
    """Draws the least or the greatest number each time."""

    def __init__(self, *, high: bool) -> None:
        super().__init__(0)
        self._high = high

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return start - 1 if self._high else 0


@given(place=PLACES, high=st.booleans())
def test_the_ends_of_the_range_stay_in_sixteen_bits(place: tuple[int, int], high: bool) -> None:
    message_id = TimeOrderedIds(Edge(high=high)).mint(*place)
    assert UUID(message_id).version == 7
    assert partition_of(message_id, place[1]) == place[0]


def test_two_sources_with_the_same_chance_do_not_meet() -> None:
    first, second = TimeOrderedIds(Random(1)), TimeOrderedIds(Random(1))
    made = [source.mint(0, 4) for _ in range(1_000) for source in (first, second)]
    assert len(set(made)) == len(made)
