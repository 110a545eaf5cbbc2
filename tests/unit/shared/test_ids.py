from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import AccountId, DerivedIds, MessageId, TimeOrderedIds, partition_of

PLACES = st.integers(1, 256).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n)))


@given(place=PLACES)
def test_an_id_falls_into_the_partition_it_was_made_for(place: tuple[int, int]) -> None:
    partition, partitions = place
    assert partition_of(TimeOrderedIds().mint(partition, partitions), partitions) == partition


@given(place=PLACES)
def test_an_id_is_a_canonical_uuid_of_version_7(place: tuple[int, int]) -> None:
    message_id = TimeOrderedIds().mint(*place)
    assert str(UUID(message_id)) == message_id
    assert UUID(message_id).version == 7
    assert UUID(message_id).variant == "specified in RFC 4122"


@given(st.uuids(), st.integers(1, 256))
def test_the_last_sixteen_bits_decide_the_partition(message_id: UUID, partitions: int) -> None:
    assert partition_of(str(message_id), partitions) == (message_id.int & 0xFFFF) % partitions
    assert partition_of(str(message_id).upper(), partitions) == partition_of(str(message_id), partitions)


@pytest.mark.parametrize("partition", [0, 11])
def test_ids_of_one_partition_are_unique_and_ordered_by_time(partition: int) -> None:
    source = TimeOrderedIds()
    made = [source.mint(partition, 12) for _ in range(20_000)]
    assert len(set(made)) == len(made)
    milliseconds = [UUID(message_id).int >> 80 for message_id in made]
    assert milliseconds == sorted(milliseconds)


@given(place=PLACES, drawn=st.integers(0, 40) | st.integers(0xFF00, 0xFFFF))
def test_the_ends_of_the_range_stay_in_sixteen_bits(place: tuple[int, int], drawn: int) -> None:
    message_id = TimeOrderedIds(lambda: UUID(f"01a20977-5ae6-7474-9f42-94558ce1{drawn:04x}")).mint(*place)
    assert UUID(message_id).version == 7
    assert partition_of(message_id, place[1]) == place[0]


def test_two_sources_do_not_meet() -> None:
    first, second = TimeOrderedIds(), TimeOrderedIds()
    made = [source.mint(0, 4) for _ in range(1_000) for source in (first, second)]
    assert len(set(made)) == len(made)


CLAIMED = datetime(2026, 11, 23, 8, tzinfo=UTC)
ACME = AccountId("acme")
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


FIRST = DerivedIds(ACME, "k", CLAIMED).of(0)


def derived(account: AccountId, key: str, at: datetime, count: int) -> list[MessageId]:
    ids = DerivedIds(account, key, at)
    return [ids.of(index) for index in range(count)]


@given(key=KEYS, at=TIMES, partitions=st.integers(1, 256))
def test_derived_ids_are_canonical_uuids_of_version_8_in_one_partition(key: str, at: datetime, partitions: int) -> None:
    ids = derived(ACME, key, at, 20)
    for message_id in ids:
        assert str(UUID(message_id)) == message_id
        assert UUID(message_id).version == 8
        assert UUID(message_id).variant == "specified in RFC 4122"
    assert len(set(ids)) == 20
    assert len({partition_of(message_id, partitions) for message_id in ids}) == 1


def test_derived_ids_are_the_same_for_ever() -> None:
    # Frozen: with other ids, a repeat over an upgrade would send its messages twice.
    assert derived(ACME, "order-1", CLAIMED, 2) == [
        "8ef7a609-f022-88a9-ad4f-6ae5caaa5d00",
        "6b8553ea-8b93-880f-9d38-a0c57e775d00",
    ]


def test_another_account_key_or_millisecond_gives_other_ids() -> None:
    later = CLAIMED + timedelta(milliseconds=1)
    requests = [(ACME, "k", CLAIMED), (AccountId("acm"), "k", CLAIMED), (ACME, "k2", CLAIMED), (ACME, "k", later)]
    made = [message_id for request in requests for message_id in derived(*request, 1000)]
    assert len(set(made)) == 4000


def test_requests_of_a_moment_share_a_partition_and_moments_take_turns() -> None:
    counts = [0] * 12
    for millisecond in range(12_000):
        (message_id,) = derived(ACME, f"k{millisecond}", CLAIMED + timedelta(milliseconds=millisecond), 1)
        assert partition_of(message_id, 12) == (partition_of(FIRST, 12) + millisecond // 20) % 12
        counts[partition_of(message_id, 12)] += 1
    assert set(counts) == {1000}
