"""What a reader of whole topics does on any cluster."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.clock import SystemClock
from shared.errors import BadSettings
from shared.kafka.record import Output, Record
from shared.kafka.whole import WholeTopics
from tests.support import wait_until
from tests.unit.kafka.kit import Kit, text


class Table:
    """The last value of each key."""

    def __init__(self) -> None:
        self.rows: dict[bytes, str] = {}

    def apply(self, record: Record, event: str | None) -> None:
        key = record.key or b""
        if event is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = event


async def follow(kit: Kit, topics: list[str], table: Table, **options: Any) -> WholeTopics[str]:
    reader = WholeTopics(
        connection=kit.settings,
        name=kit.group(),
        topics=topics,
        decode=text,
        apply=options.pop("apply", table.apply),
        clock=SystemClock(),
        metrics=kit.metrics,
        cluster=kit.cluster,
    )
    kit.on_close(reader.stop, 2.0)
    await reader.start()
    return reader


class WholeBehaviour:
    """Inherit, and bring a fixture `kit`."""

    async def test_everything_there_is_applied_before_start_returns_and_the_rest_as_it_comes(self, kit: Kit) -> None:
        topics, table = [await kit.topic(), await kit.topic(2)], Table()
        sender = await kit.sender()
        await sender.send([Output(topics[0], 0, b"%d" % n, b"old") for n in range(3000)])
        await sender.send([Output(topics[0], 0, b"7", b"new"), Output(topics[0], 0, b"8", None)])
        await sender.send([Output(topics[1], 1, b"other", b"topic")])
        await kit.write_transaction(topics[0], "a marker behind it")
        reader = await follow(kit, topics, table)
        assert reader.health().ready
        assert len(table.rows) == 3000 - 1 + 2
        assert (table.rows[b"7"], table.rows[b"other"]) == ("new", "topic")
        await sender.send([Output(topics[0], 0, b"8", b"back"), Output(topics[0], 0, b"7", None)])
        await wait_until(lambda: b"8" in table.rows and b"7" not in table.rows)

    async def test_every_instance_reads_everything(self, kit: Kit) -> None:
        topic, tables = await kit.topic(), [Table(), Table()]
        await kit.write(topic, "a")
        for table in tables:
            await follow(kit, [topic], table)
        assert [table.rows for table in tables] == [{b"k": "a"}] * 2

    async def test_an_empty_topic_is_whole_at_once(self, kit: Kit) -> None:
        reader = await follow(kit, [await kit.topic()], Table())
        assert reader.health().ready

    async def test_an_unreadable_record_is_skipped(self, kit: Kit) -> None:
        topic, table = await kit.topic(), Table()
        await kit.write(topic, "a", "poison")
        await follow(kit, [topic], table)
        assert table.rows == {b"k": "a"}

    async def test_an_error_while_applying_ends_the_reader(self, kit: Kit) -> None:
        topic = await kit.topic()

        def fail(record: Record, event: str | None) -> None:
            raise ZeroDivisionError

        reader = await follow(kit, [topic], Table(), apply=fail)
        await kit.write(topic, "a")
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(reader.wait(), 10.0)
        assert not reader.health().live

    async def test_a_missing_topic_is_named(self, kit: Kit) -> None:
        with pytest.raises(BadSettings, match=f"{kit.name}.absent"):
            await follow(kit, [f"{kit.name}.absent"], Table())
