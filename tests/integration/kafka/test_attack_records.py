"""Records that nobody should have written, read by the codec that the services use."""

from __future__ import annotations

from collections.abc import Sequence

import aiokafka
import msgspec
import pytest

from shared.contracts.codec import Reader
from shared.contracts.events import Event, SendRequested
from shared.errors import Refused
from shared.kafka.port import MAX_RECORD_BYTES
from shared.kafka.record import Headers, Output, Received
from shared.kafka.tenure import Finishing
from tests.support import wait_until
from tests.unit.contracts.examples import SENT, example
from tests.unit.kafka.batches import foreign, foreign_record, send_foreign
from tests.unit.kafka.kit import Finish, Kit, copies_to, dead_letter_topic, header_values

SECRET = "98765432"

GOOD = msgspec.json.encode(example(SENT)["value"])
HEADERS: Headers = tuple((name, text.encode()) for name, text in example(SENT)["headers"].items())


def typed(name: bytes) -> Headers:
    """The headers with another type."""
    return tuple((header, name if header == "ce_type" else value) for header, value in HEADERS)


def changed(**fields: object) -> bytes:
    """The example with other fields."""
    return msgspec.json.encode(example(SENT)["value"] | fields)


POISON: tuple[tuple[str, bytes | None, Headers], ...] = (
    ("bad_payload", GOOD[:-9], HEADERS),
    ("bad_payload", b"\x00\xff\xfe", HEADERS),
    ("bad_payload", b"[" * 100_000, HEADERS),
    ("bad_payload", changed(lane=SECRET), HEADERS),
    ("bad_payload", changed(max_parts=SECRET), HEADERS),
    ("empty_value", b"", HEADERS),
    ("empty_value", None, HEADERS),
    ("missing_header", GOOD, ()),
    ("missing_header", None, ()),
    ("unknown_event_version", GOOD, typed(SENT.encode().replace(b".v1", b".v99"))),
    ("unknown_event_type", GOOD, typed(b"\xff\xfe")),
    ("unexpected_event_type", msgspec.json.encode(example("no.budstikke.sms.part-fact.v1")["value"]),
     typed(b"no.budstikke.sms.part-fact.v1")),
)  # fmt: skip


async def start_copying(kit: Kit, kind: str, source: str, target: str, group: str) -> None:
    """A stage of that kind, which copies requests."""
    sender = await kit.sender()

    def copies(batch: Sequence[Received[Event]]) -> list[Output]:
        assert all(type(received.event) is SendRequested for received in batch)
        return [Output(target, 0, None, received.record.value, received.record.headers) for received in batch]

    async def pass_on(batch: Sequence[Received[Event]]) -> Sequence[Output]:
        return copies(batch)

    async def finish_all(batch: Sequence[Received[Event]], finish: Finishing[Event]) -> None:
        await sender.send(copies(batch))
        for received in batch:
            finish(received)

    reader = Reader(SendRequested)
    if kind == "transactional":
        await kit.transactional([source], pass_on, decode=reader, group=group)
    else:
        await kit.at_least_once([source], finish_all, decode=reader, group=group)


@pytest.mark.parametrize("kind", ["transactional", "at least once"])
async def test_poison_of_every_kind(kit: Kit, kind: str) -> None:
    """Twelve kinds of poison between good records: not JSON, not UTF-8, nested too deeply, wrong types, an unknown
    version or type, an empty value, headers missing.

    Holds: each goes to the dead letters with its reason, no content in it; the good ones pass, the offset as well.
    """
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    outputs = [Output(source, 0, None, GOOD, HEADERS)]
    for _, value, headers in POISON:
        outputs += [Output(source, 0, None, value, headers), Output(source, 0, None, GOOD, HEADERS)]
    await (await kit.sender()).send(outputs)
    await start_copying(kit, kind, source, target, group)
    await kit.until_values(target, [GOOD.decode()] * (len(POISON) + 1))
    await kit.until_no_lag(group, source)
    letters = await kit.until_records(dead_letter_topic(source), len(POISON))
    assert [(header_values_of(r.headers)["dlq-error-type"], r.value) for r in letters] == [
        (code, value) for code, value, _ in POISON
    ]
    assert not any(SECRET.encode() in content for letter in letters for _, content in letter.headers if content)


_NAMES = [(name.encode(), content) for name, content in HEADERS]
NAMELESS: tuple[bytes, ...] = (
    foreign_record(GOOD, [(name.replace(b"ce_type", b"ce_t\xff"), v) for name, v in _NAMES], offset=b"\x02"),
    foreign_record(GOOD, [(name, None) for name, _ in _NAMES], offset=b"\x02"),
)


@pytest.mark.parametrize("kind", ["transactional", "at least once"])
async def test_headers_that_only_a_broker_can_read(kit: Kit, kind: str) -> None:
    """Records octet by octet: a header's name that is not UTF-8, for which the library has no record, and headers
    without a value.

    Holds: they are dead letters with their reason; what stands beside and behind them passes, the offset as well.
    """
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    before, behind = (foreign_record(GOOD, _NAMES, offset=offset) for offset in (b"\x00", b"\x04"))
    for record in NAMELESS:
        await send_foreign(kit.settings.bootstrap, source, foreign(before, record, behind))
    await start_copying(kit, kind, source, target, group)
    await kit.until_values(target, [GOOD.decode()] * 4)
    await kit.until_no_lag(group, source)
    letters = await kit.until_records(dead_letter_topic(source), 2)
    assert [(header_values_of(r.headers)["dlq-error-type"], r.value) for r in letters] == [
        ("missing_header", GOOD) for _ in NAMELESS
    ]


def header_values_of(headers: Headers) -> dict[str, str]:
    """Header values as text, whatever is in them."""
    return {name: (value or b"").decode("utf-8", "replace") for name, value in headers}


async def test_a_record_of_one_megabyte_and_one_of_one_octet_more(kit: Kit) -> None:
    """The largest record that we write, 1,000,000 octets, and one of an octet more.

    Holds: the largest passes a stage whole; the other is refused before anything of its call is written.
    """
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    sender = await kit.sender()
    largest = await largest_value(kit, source)
    await kit.transactional([source], copies_to(target), group=group)
    await sender.send([Output(source, 0, None, largest)])
    with pytest.raises(Refused, match="record_too_large"):
        await sender.send([Output(source, 0, None, b"with it"), Output(source, 0, None, largest + b"x")])
    await sender.send([Output(source, 0, None, b"after")])
    await kit.until_values(target, [largest.decode(), "after"])
    await kit.until_no_lag(group, source)


async def largest_value(kit: Kit, topic: str) -> bytes:
    """The largest value that a record without key and headers may have."""
    producer = kit.keep(kit.cluster.producer())
    await producer.start()

    def fits(size: int) -> bool:
        try:
            producer.pack([Output(topic, 0, None, b"x" * size)])
        except Refused:
            return False
        return True

    size = MAX_RECORD_BYTES
    while not fits(size):
        size -= 1
    return b"x" * size


@pytest.mark.parametrize("kind", ["transactional", "at least once"])
async def test_a_foreign_record_above_our_limit(kit: Kit, kind: str) -> None:
    """Two records that another client wrote: one between our limit and the broker's, one of 3 MB, compressed to 3 KB.

    Holds: both are dead letters without their content, which stays where it was; what comes after them passes.
    """
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=kit.settings.bootstrap, max_request_size=5_000_000, compression_type="gzip"
    ) as foreign:
        for value in (b"a", b"x" * 1_047_000, b"y" * 3_000_000, b"b"):
            await foreign.send_and_wait(source, value, partition=0)

    async def refuse(batch: Sequence[Received[str]], finish: Finish) -> None:
        if any(len(received.event) > 10 for received in batch):
            raise Refused("large", "the text is too long")
        await (await kit.sender()).send([Output(target, 0, None, received.event.encode()) for received in batch])
        for received in batch:
            finish(received)

    if kind == "transactional":
        await kit.transactional([source], copies_to(target), group=group)
    else:
        await kit.at_least_once([source], refuse, group=group)
    await kit.until_values(target, ["a", "b"])
    await kit.until_no_lag(group, source)
    letters = await kit.until_records(dead_letter_topic(source), 2)
    assert [letter.value for letter in letters] == [None, None]
    assert [header_values(letter)["dlq-left-out"] for letter in letters] == ["1047000", "3000000"]
    assert [header_values(letter)["dlq-source-offset"] for letter in letters] == ["1", "2"]


async def test_a_handler_that_blocks_the_loop_beyond_its_session(kit: Kit) -> None:
    """A handler blocks the event loop, and with it the heartbeats, for longer than the session timeout.

    Holds: each record exactly once; the stage joins the group again by itself.
    """
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    copy, blocked = copies_to(target), 0

    async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
        nonlocal blocked
        if "50" in [received.event for received in batch] and not blocked:
            blocked += 1
            until = kit.clock.monotonic() + kit.settings.session_timeout + 0.5
            while kit.clock.monotonic() < until:
                pass
        return await copy(batch)

    values = [str(number) for number in range(100)]
    for partition in range(2):
        await kit.write(source, *values[partition::2], partition=partition)
    runner = await kit.transactional([source], handle, group=group, max_batch=10)
    await kit.until_values(target, values, 40.0)
    await kit.until_no_lag(group, source, 2)
    assert blocked == 1
    await wait_until(lambda: runner.health().ready, 20.0)
