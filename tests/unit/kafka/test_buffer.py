"""What is fetched becomes records once, in order, and without what was aborted; positions pass what is no record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiokafka
import pytest
from aiokafka.errors import CorruptRecordException, OffsetOutOfRangeError
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kafka.aio.batch import first_batch
from shared.kafka.aio.buffer import Buffer
from shared.kafka.aio.consumer import AioConsumer
from shared.kafka.port import Fetched, Unreadable
from shared.kafka.record import Record, TopicPartition
from shared.kafka.settings import KafkaSettings
from tests.support import wait_until
from tests.unit.kafka.batches import TIME, Log, Served, foreign_record

PLACE, OTHER = aiokafka.TopicPartition("t", 0), aiokafka.TopicPartition("t", 1)
GZIP = 1


@asynccontextmanager
async def served(*logs: Log, at: int = 0) -> AsyncIterator[Served]:
    """These logs, read from an offset."""
    reader = Served(dict(zip((PLACE, OTHER), logs, strict=False)))
    for place, _ in zip((PLACE, OTHER), logs, strict=False):
        reader.seek(place, at)
    yield reader
    await reader.fetcher.close()


async def everything(reader: Served, log: Log, most: int = 1000) -> list[tuple[int, bytes | None]]:
    """Offsets and values of the first partition until its end; each position lies behind its records."""
    found: list[tuple[int, bytes | None]] = []
    buffer, place = Buffer(reader.consumer), TopicPartition(*PLACE)
    while reader.position(PLACE) < log.end:
        fetched = (await buffer.take(5.0, most)).get(place)
        assert fetched is not None, "nothing came"
        assert len(fetched.records) <= most
        assert fetched.position == reader.position(PLACE)
        found += [(record.offset, record.value) for record in fetched.records]
    return found


async def test_a_record_has_place_time_key_value_and_all_headers() -> None:
    log = Log()
    log.write(b"a", b"b")
    async with served(log, at=1) as reader:
        assert await Buffer(reader.consumer).take(5.0, 10) == {
            TopicPartition("t", 0): Fetched(
                [Record("t", 0, 1, TIME + 1, b"k1", b"b", (("name", b"h"), ("name", b"i")))], 2
            )
        }


@pytest.mark.parametrize("most", [1, 2, 3, 1000])
async def test_aborted_and_open_transactions_and_markers_are_no_records(most: int) -> None:
    log = Log()
    log.write(b"a", producer=7, transaction=True)
    log.write(b"x", b"y", producer=8, transaction=True)
    log.write(b"plain")
    log.write(b"b", producer=7, transaction=True)
    log.marker(7, commit=True)
    log.marker(8, commit=False)
    log.write(b"c", producer=8, transaction=True)
    log.marker(8, commit=True)
    log.write(b"z", producer=7, transaction=True)
    log.marker(7, commit=False)
    async with served(log) as reader:
        assert await everything(reader, log, most) == [(0, b"a"), (3, b"plain"), (4, b"b"), (7, b"c")]
        assert reader.position(PLACE) == 11


async def test_markers_alone_are_news_of_a_position() -> None:
    log = Log()
    log.write(b"x", producer=8, transaction=True)
    log.marker(8, commit=False)
    async with served(log) as reader:
        assert await Buffer(reader.consumer).take(5.0, 10) == {TopicPartition("t", 0): Fetched([], 2)}


async def test_a_compressed_batch_is_read_from_its_middle() -> None:
    log = Log()
    log.write(*(b"%03d" % number for number in range(100)), codec=GZIP)
    async with served(log, at=97) as reader:
        assert await everything(reader, log, 2) == [(97, b"097"), (98, b"098"), (99, b"099")]


async def test_what_compaction_took_is_passed() -> None:
    log = Log()
    log.write(None, b"a", None, b"b", without=2)
    log.write(None, None, without=1)
    log.write(b"c", without=3)
    async with served(log) as reader:
        assert await everything(reader, log, 1) == [(1, b"a"), (3, b"b"), (9, b"c")]
        assert reader.position(PLACE) == log.end == 13


async def test_records_before_a_broken_batch_come_and_it_is_an_error_each_time_until_it_is_whole() -> None:
    log = Log()
    log.write(b"a", b"b")
    log.write(b"broken")
    whole = log.batches[-1]
    log.break_last()
    async with served(log) as reader:
        buffer, place = Buffer(reader.consumer), TopicPartition(*PLACE)
        fetched = (await buffer.take(5.0, 10))[place]
        assert ([record.value for record in fetched.records], fetched.position) == ([b"a", b"b"], 2)
        for _ in range(2):
            with pytest.raises(CorruptRecordException):
                await buffer.take(5.0, 10)
            assert reader.position(PLACE) == 2
        log.batches[-1] = whole
        assert await until_taken(buffer) == [b"broken"]


async def until_taken(buffer: Buffer) -> list[bytes | None]:
    """What comes when the last of what was fetched before has failed."""
    while True:
        try:
            taken = await buffer.take(5.0, 10)
        except CorruptRecordException:
            continue
        return [record.value for fetched in taken.values() for record in fetched.records]


@pytest.mark.parametrize("broken_first", [True, False])
async def test_a_broken_batch_loses_nothing_of_another_partition(broken_first: bool) -> None:
    good, bad = Log(), Log()
    good.write(b"a", b"b")
    bad.write(b"broken")
    bad.break_last()
    async with served(*((bad, good) if broken_first else (good, bad))) as reader:
        buffer, taken, failures = Buffer(reader.consumer), list[Record](), 0
        while not failures or not taken:
            try:
                for fetched in (await buffer.take(5.0, 10)).values():
                    taken += fetched.records
            except CorruptRecordException:
                failures += 1
        assert [record.value for record in taken] == [b"a", b"b"]
        places = (OTHER, PLACE) if broken_first else (PLACE, OTHER)
        assert [reader.position(place) for place in places] == [2, 0]


_FOREIGN = {
    "a name that is not UTF-8": (foreign_record(headers=[(b"\xff\xfename", b"h")]), (("\ufffd\ufffdname", b"h"),)),
    "a surrogate in a name": (foreign_record(headers=[(b"\xed\xa0\x80", None)]), (("\ufffd" * 3, None),)),
    "a length with too many bits": (foreign_record(size_bits=b"\x70"), ()),
    "attributes with eight bits": (foreign_record(attributes=0x80), ()),
    "an offset beyond the end": (foreign_record(offset=b"\xfe\xff\xff\xff\x0f"), ()),
    "an offset with too many bits": (foreign_record(offset=b"\x80\x80\x80\x80\x70"), ()),
}


@pytest.mark.parametrize("most", [1, 2, 1000])
@pytest.mark.parametrize("broken_first", [True, False])
@pytest.mark.parametrize("kind", _FOREIGN)
async def test_what_a_broker_takes_and_the_library_cannot_read_is_a_record_like_others(
    kind: str, broken_first: bool, most: int
) -> None:
    record, headers = _FOREIGN[kind]
    good, bad, found = Log(), Log(), dict[TopicPartition, list[Record]]()
    good.write(b"a", b"b")
    bad.write(b"before")
    bad.write_foreign(foreign_record(b"first"), record, foreign_record(b"third", offset=b"\x04"))
    bad.write(b"behind")
    async with served(*((bad, good) if broken_first else (good, bad))) as reader:
        buffer = Buffer(reader.consumer)
        while sum(len(records) for records in found.values()) < 7:
            for place, fetched in (await buffer.take(5.0, most)).items():
                found.setdefault(place, []).extend(fetched.records)
                assert fetched.position == fetched.records[-1].offset + 1
    read, other = [found[TopicPartition(*place)] for place in ((PLACE, OTHER) if broken_first else (OTHER, PLACE))]
    assert [(r.offset, r.value) for r in read] == list(enumerate([b"before", b"first", b"v", b"third", b"behind"]))
    assert (read[2].key, read[2].headers, read[2].timestamp) == (b"key", headers, TIME)
    assert [record.value for record in other] == [b"a", b"b"]


async def test_what_nobody_can_read_is_named_with_the_offset_behind_it_and_loses_nothing_of_another_partition() -> None:
    good, bad, taken, errors = Log(), Log(), list[bytes | None](), list[Unreadable]()
    good.write(b"a", b"b")
    bad.write_foreign(foreign_record()[:-1], foreign_record())
    bad.write(b"behind")
    async with served(good, bad) as reader:
        buffer = Buffer(reader.consumer)
        while len(taken) < 3:
            try:
                found = await buffer.take(5.0, 10)
            except Unreadable as error:
                errors.append(error)
                reader.seek(OTHER, error.behind)
            else:
                taken += [record.value for fetched in found.values() for record in fetched.records]
    assert taken == [b"a", b"b", b"behind"]
    assert [(e.partition, e.offset, e.behind) for e in errors] == [(TopicPartition(*OTHER), 0, 2)]


@given(st.lists(st.lists(st.none() | st.binary(max_size=200), min_size=1, max_size=4), min_size=1, max_size=3))
async def test_a_batch_is_read_as_the_library_reads_it(writes: list[list[bytes | None]]) -> None:
    log = Log()
    for values in writes:
        log.write(*values)
    async with served(log) as reader:
        expected = (await Buffer(reader.consumer).take(5.0, 100)).get(TopicPartition(*PLACE), Fetched([], 0)).records
    batches = [first_batch(octets + b"more") for _, _, octets in log.batches]
    assert [record for batch in batches if batch for record in batch.records(TopicPartition(*PLACE))] == expected


async def test_an_error_of_one_partition_waits_until_what_was_fetched_of_another_is_taken() -> None:
    first, second = Log(), Log()
    first.write(b"a")
    async with served(first, second) as reader:
        buffer = Buffer(reader.consumer)
        taken = await buffer.take(5.0, 10)
        assert [len(fetched.records) for fetched in taken.values()] == [1]
        reader.fetcher._set_error(OTHER, OffsetOutOfRangeError({OTHER: 0}))
        with pytest.raises(OffsetOutOfRangeError):
            await buffer.take(5.0, 10)


async def test_what_is_paused_or_sought_elsewhere_meanwhile_is_fetched_anew() -> None:
    log = Log()
    log.write(b"a", b"b", b"c")
    async with served(log) as reader:
        buffer, place = Buffer(reader.consumer), TopicPartition(*PLACE)
        assert len((await buffer.take(5.0, 1))[place].records) == 1
        reader.subscription.pause(PLACE)
        assert await buffer.take(0.01, 10) == {}
        reader.subscription.resume(PLACE)
        assert [r.value for r in (await buffer.take(5.0, 1))[place].records] == [b"b"]
        reader.seek(PLACE, 0)
        assert [r.value for r in (await buffer.take(5.0, 10))[place].records] == [b"a", b"b", b"c"]


async def test_nothing_comes_of_nothing_and_news_end_the_wait() -> None:
    log = Log()
    async with served(log) as reader:
        buffer = Buffer(reader.consumer)
        assert await buffer.take(0.01, 10) == {}
        log.write(b"a")
        reader.news.set()
        assert len(await buffer.take(5.0, 10)) == 1


async def test_no_more_is_taken_than_asked_for_over_all_partitions() -> None:
    first, second = Log(), Log()
    first.write(b"a", b"b")
    second.write(b"c", b"d")
    async with served(first, second) as reader:
        buffer, sizes = Buffer(reader.consumer), list[int]()
        while sum(sizes) < 4:
            sizes.append(sum(len(fetched.records) for fetched in (await buffer.take(5.0, 3)).values()))
        assert max(sizes) <= 3


async def test_fetches_are_short_while_something_is_paused() -> None:
    first, second = Log(), Log()
    async with served(first, second) as reader:
        library = aiokafka.AIOKafkaConsumer(group_id=None)
        library._closed, library._fetcher, library._subscription = True, reader.fetcher, reader.subscription
        library._coordinator = reader.consumer._coordinator
        consumer = AioConsumer(KafkaSettings("127.0.0.1:9"), None, "roundrobin", None)
        consumer._connected = library
        for act in (consumer.pause, consumer.resume):
            act(TopicPartition(*OTHER))
            first.write(b"a")
            reader.news.set()
            assert await consumer.poll(5.0, 10) == {}  # it was never sought
            fetches = len(reader.waits_ms)
            await wait_until(lambda before=fetches: len(reader.waits_ms) > before)  # type: ignore[misc]
        assert reader.waits_ms[-2:] == [250, 1000]


Written = tuple[str, int, list[bytes | None], int]
"""Kind, producer, values, and offsets that compaction took behind them."""

_VALUES = st.lists(st.none() | st.binary(max_size=4), min_size=1, max_size=4)
_PRODUCERS = st.integers(1, 3)
_WRITES: st.SearchStrategy[Written] = st.one_of(
    st.tuples(st.just("plain"), st.just(-1), _VALUES, st.integers(0, 2)),
    st.tuples(st.just("transaction"), _PRODUCERS, _VALUES, st.integers(0, 2)),
    st.tuples(st.sampled_from(["commit", "abort"]), _PRODUCERS, st.just(list[bytes | None]()), st.just(0)),
)


def written(writes: Sequence[Written]) -> tuple[Log, list[tuple[int, bytes | None]]]:
    """The log, in which every transaction ends, and what of it a reader should see."""
    log, visible, pending = Log(), dict[int, bytes | None](), dict[int, dict[int, bytes | None]]()
    closing = [("commit", producer, list[bytes | None](), 0) for producer in (1, 2, 3)]
    for kind, producer, values, without in (*writes, *closing):
        kept = {log.end + delta: value for delta, value in enumerate(values) if value is not None}
        if kind == "plain":
            visible |= kept
            log.write(*values, without=without)
        elif kind == "transaction":
            pending.setdefault(producer, {}).update(kept)
            log.write(*values, producer=producer, transaction=True, without=without)
        else:
            ended = pending.pop(producer, {})
            visible |= ended if kind == "commit" else {}
            log.marker(producer, commit=kind == "commit")
    return log, sorted(visible.items())


@settings(deadline=None)
@given(st.lists(_WRITES, max_size=12), st.integers(1, 5), st.integers(0, 12))
async def test_any_log_is_read_as_it_was_written_however_much_is_asked_for(
    writes: list[Written], most: int, start: int
) -> None:
    log, visible = written(writes)
    at = min(start, log.end)
    async with served(log, at=at) as reader:
        assert await everything(reader, log, most) == [(offset, value) for offset, value in visible if offset >= at]
        assert reader.position(PLACE) == log.end
