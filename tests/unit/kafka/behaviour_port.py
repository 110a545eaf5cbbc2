"""What every cluster behind the port does, in memory or real."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import BudstikkeError, Fatal, Refused, TryLater
from shared.kafka.port import MAX_RECORD_BYTES, Consumer, Fenced, Mark, ProducerLost, TopicSpec, TransactionalProducer
from shared.kafka.record import Output, Record, TopicPartition
from tests.support import wait_until
from tests.unit.kafka.kit import Kit


class Partitions:
    """A listener that only keeps what it is told."""

    def __init__(self) -> None:
        self.owned: frozenset[TopicPartition] | None = None
        self.rounds = 0

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.owned = partitions
        self.rounds += 1

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.owned = None


async def join(kit: Kit, group: str, topic: str, partitions: int = 1) -> tuple[Consumer, Partitions]:
    """A consumer that owns everything, from the beginning."""
    consumer, listener = kit.keep(kit.cluster.consumer(group, assignor="roundrobin")), Partitions()
    await consumer.start()
    consumer.subscribe([topic], listener)
    await wait_until(lambda: listener.owned is not None and len(listener.owned) == partitions, 20.0)
    for partition in listener.owned or ():
        consumer.seek(partition, 0)
        consumer.resume(partition)
    return consumer, listener


async def read(consumer: Consumer, count: int, most: int = 1000) -> tuple[list[Record], dict[TopicPartition, int]]:
    """Poll until there are `count` records, and once more; with the last position of each partition."""
    records: list[Record] = []
    positions: dict[TopicPartition, int] = {}

    async def enough() -> bool:
        for partition, fetched in (await consumer.poll(0.1, most)).items():
            records.extend(fetched.records)
            positions[partition] = fetched.position
        return len(records) >= count

    await wait_until(enough, 20.0)
    for partition, fetched in (await consumer.poll(0.1, most)).items():
        records.extend(fetched.records)
        positions[partition] = fetched.position
    return records, positions


async def producer(kit: Kit, transactional_id: str) -> TransactionalProducer:
    made = kit.keep(kit.cluster.transactional_producer(f"{kit.name}.{transactional_id}"))
    await made.start()
    return made


async def transact(writer: TransactionalProducer, output: Output) -> None:
    """One record in a transaction."""
    await writer.begin()
    await writer.write([writer.pack([output])], {TopicPartition(output.topic, 0): Mark(1)}, "g")
    await writer.commit()


class PortBehaviour:
    """Inherit, and bring a fixture `kit`."""

    async def test_a_record_comes_back_as_it_was_written(self, kit: Kit) -> None:
        topic = await kit.topic(2)
        sender = await kit.sender()
        outputs = [
            Output(topic, 1, b"key", b"value", (("a", b"1"), ("a", b"2"), ("empty", b""))),
            Output(topic, 1, None, b"no key"),
            Output(topic, 1, b"tombstone", None),
            Output(topic, 1, b"", b""),
        ]
        await sender.send(outputs)
        consumer, _ = await join(kit, kit.group(), topic, 2)
        records, _ = await read(consumer, 4)
        assert [Output(r.topic, r.partition, r.key, r.value, r.headers) for r in records] == outputs
        assert [r.offset for r in records] == [0, 1, 2, 3]

    async def test_records_of_one_send_keep_their_order_over_many_batches(self, kit: Kit) -> None:
        topic = await kit.topic(2)
        values = [b"%06d" % number + b"." * 1500 for number in range(600)]
        await (await kit.sender()).send([Output(topic, number % 2, None, v) for number, v in enumerate(values)])
        records = await kit.truth.records(topic)
        assert [r.value for r in records] == values[0::2] + values[1::2]

    async def test_an_offset_is_found_by_its_time(self, kit: Kit) -> None:
        topic = await kit.topic()
        place = TopicPartition(topic, 0)
        sender = await kit.sender()
        for value in (b"a", b"b"):
            await sender.send([Output(topic, 0, None, value)])
        consumer, _ = await join(kit, kit.group(), topic)
        records, _ = await read(consumer, 2)
        first = next(record.offset for record in records if record.timestamp == records[1].timestamp)
        assert await consumer.offset_at(place, 0) == 0
        assert await consumer.offset_at(place, records[1].timestamp) == first
        assert await consumer.offset_at(place, records[1].timestamp + 60_000) == 2

    async def test_the_largest_record_is_written_and_read_and_a_larger_one_refused(self, kit: Kit) -> None:
        topic = await kit.topic()
        sender = await kit.sender()
        largest = bytes(MAX_RECORD_BYTES - 200)
        await sender.send([Output(topic, 0, None, b"before"), Output(topic, 0, None, largest)])
        with pytest.raises(Refused, match="record_too_large"):
            await sender.send([Output(topic, 0, None, b"with it"), Output(topic, 0, None, bytes(MAX_RECORD_BYTES))])
        await sender.send([Output(topic, 0, None, b"after")])
        consumer, _ = await join(kit, kit.group(), topic)
        records, _ = await read(consumer, 3)
        assert [r.value for r in records] == [b"before", largest, b"after"]

    async def test_how_much_is_left_to_read_is_known_without_asking(self, kit: Kit) -> None:
        topic = await kit.topic()
        place = TopicPartition(topic, 0)
        await kit.write(topic, *"abc")
        await kit.write_transaction(topic, "d")  # and a marker behind it

        async def stable() -> bool:
            return await kit.truth.stable_end(topic, 0) == 5

        await wait_until(stable, 20.0)
        open_one = await producer(kit, "open")
        await open_one.begin()
        await open_one.write([open_one.pack([Output(topic, 0, None, b"e")])], {}, kit.group())
        consumer, _ = await join(kit, kit.group(), topic)
        left = []

        async def read_all() -> bool:
            if await consumer.poll(0.1, 3):
                left.append(consumer.behind(place))
            return left[-1:] == [0]

        await wait_until(read_all, 20.0)
        assert left == [2, 0]

    async def test_an_unknown_topic_asks_for_patience_and_an_unknown_partition_is_fatal(self, kit: Kit) -> None:
        topic = await kit.topic()
        sender = await kit.sender()
        with pytest.raises(TryLater, match="does not exist"):
            await sender.send([Output(f"{kit.name}.nowhere", 0, None, b"x")], deadline=20.0)
        with pytest.raises(Fatal, match="has 1 partitions"):
            await sender.send([Output(topic, 1, None, b"x")])
        await sender.send([Output(topic, 0, None, b"fine")])
        assert await kit.values(topic) == ["fine"]

    async def test_aborted_records_are_not_delivered_and_the_position_passes_them_and_all_markers(
        self, kit: Kit
    ) -> None:
        topic = await kit.topic()
        await kit.write_transaction(topic, "a", "b")
        await kit.write_transaction(topic, "never", commit=False)
        await kit.write_transaction(topic, "c")
        consumer, _ = await join(kit, kit.group(), topic)
        records, positions = await read(consumer, 3)
        place = TopicPartition(topic, 0)
        assert [(r.offset, r.value) for r in records] == [(0, b"a"), (1, b"b"), (5, b"c")]
        assert positions == {place: 7}
        assert await consumer.end([place]) == {place: 7}

    async def test_an_open_transaction_holds_back_what_was_written_after_it(self, kit: Kit) -> None:
        topic = await kit.topic()
        writer = await producer(kit, "open")
        await writer.begin()
        await writer.write([writer.pack([Output(topic, 0, None, b"open")])], {}, kit.group())
        await kit.write(topic, "later")
        assert await kit.truth.stable_end(topic, 0) == 0
        await writer.commit()
        await kit.until_values(topic, ["open", "later"])

    async def test_offsets_take_effect_with_the_commit_and_vanish_with_the_abort(self, kit: Kit) -> None:
        topic, group = await kit.topic(), kit.group()
        place = TopicPartition(topic, 0)
        writer = await producer(kit, "offsets")
        for offset, commit in ((1, True), (2, False)):
            await writer.begin()
            await writer.write([], {place: Mark(offset, "kept")}, group)
            await (writer.commit() if commit else writer.abort())
        consumer, _ = await join(kit, group, topic)
        assert await consumer.committed(place) == Mark(1, "kept")

    async def test_a_second_producer_of_an_id_fences_the_first_and_aborts_its_transaction(self, kit: Kit) -> None:
        topic, group = await kit.topic(), kit.group()
        place = TopicPartition(topic, 0)
        zombie = await producer(kit, "id")
        await zombie.begin()
        await zombie.write([zombie.pack([Output(topic, 0, None, b"zombie")])], {place: Mark(9)}, group)
        owner = await producer(kit, "id")
        with pytest.raises(ProducerLost):
            await zombie.commit()
        with pytest.raises(ProducerLost):
            await zombie.abort()
        await owner.begin()
        await owner.write([owner.pack([Output(topic, 0, None, b"owner")])], {place: Mark(1)}, group)
        await owner.commit()
        await kit.until_values(topic, ["owner"])

        async def committed() -> bool:
            return await kit.truth.committed(group, topic, 0) == 1

        await wait_until(committed, 20.0, waiting_for="the owner's offset")

    async def test_a_fenced_producer_says_so_when_it_begins_again(self, kit: Kit) -> None:
        topic = await kit.topic()
        first = await producer(kit, "id")
        await producer(kit, "id")
        with pytest.raises(Fenced):
            await transact(first, Output(topic, 0, None, b"late"))

    async def test_partitions_go_to_the_members_and_come_back(self, kit: Kit) -> None:
        topic, group = await kit.topic(3), kit.group()
        first, listener = await join(kit, group, topic, 3)
        second, other = kit.keep(kit.cluster.consumer(group, assignor="roundrobin")), Partitions()
        await second.start()
        second.subscribe([topic], other)

        async def poll_both_until(condition: object) -> None:
            async def reached() -> bool:
                await asyncio.gather(first.poll(0.05, 10), second.poll(0.05, 10))
                return bool(condition())  # type: ignore[operator]

            await wait_until(reached, 20.0)

        await poll_both_until(lambda: listener.owned and other.owned and not listener.owned & other.owned)
        assert len(listener.owned or ()) + len(other.owned or ()) == 3
        await second.close(5.0)
        await wait_until(lambda: len(listener.owned or ()) == 3, 20.0)

    async def test_range_gives_equal_partition_numbers_of_all_topics_to_one_member(self, kit: Kit) -> None:
        topics, group = [await kit.topic(4), await kit.topic(4)], kit.group()
        members = []
        for _ in range(2):
            consumer, listener = kit.keep(kit.cluster.consumer(group, assignor="range")), Partitions()
            await consumer.start()
            consumer.subscribe(topics, listener)
            members.append((consumer, listener))
        await wait_until(lambda: all(len(listener.owned or ()) == 4 for _, listener in members), 20.0)
        for _, listener in members:
            numbers = [{p.partition for p in listener.owned or () if p.topic == topic} for topic in topics]
            assert numbers[0] == numbers[1]

    async def test_nothing_is_delivered_before_it_is_sought_and_resumed(self, kit: Kit) -> None:
        topic = await kit.topic()
        await kit.write(topic, "a", "b")
        consumer, listener = kit.keep(kit.cluster.consumer(kit.group(), assignor="roundrobin")), Partitions()
        await consumer.start()
        consumer.subscribe([topic], listener)
        await wait_until(lambda: listener.owned is not None, 20.0)
        place = TopicPartition(topic, 0)
        assert not await consumer.poll(0.3, 10)
        consumer.seek(place, 1)
        assert not await consumer.poll(0.3, 10)
        consumer.resume(place)
        records, _ = await read(consumer, 1)
        assert [r.value for r in records] == [b"b"]

    async def test_an_offset_that_is_out_of_range_is_fatal(self, kit: Kit) -> None:
        topic = await kit.topic()
        await kit.write(topic, "a")
        consumer, _ = await join(kit, kit.group(), topic)
        consumer.seek(TopicPartition(topic, 0), 17)
        with pytest.raises(Fatal, match="offset_out_of_range"):
            await read(consumer, 1)

    async def test_committing_needs_to_own_the_partition(self, kit: Kit) -> None:
        topic, group = await kit.topic(), kit.group()
        place = TopicPartition(topic, 0)
        consumer, _ = await join(kit, group, topic)
        assert await consumer.committed(place) is None
        await consumer.commit({place: Mark(5, "a note")})
        assert await consumer.committed(place) == Mark(5, "a note")
        with pytest.raises(TryLater):
            await consumer.commit({TopicPartition(topic, 1): Mark(5)})

    async def test_creating_topics_says_which_were_new_and_what_was_refused(self, kit: Kit) -> None:
        admin = kit.keep(kit.cluster.admin())
        await admin.start()
        name = f"{kit.name}.created"
        spec = TopicSpec(name, 2, {"retention.ms": "60000"})
        assert await admin.create([spec]) == {name}
        assert await admin.create([spec]) == frozenset()
        state = (await admin.describe([name, f"{kit.name}.absent"]))[name]
        assert (state.partitions, state.replication, state.config) == (2, 1, {"retention.ms": "60000"})
        assert await admin.partitions([name, f"{kit.name}.absent"]) == {name: 2}
        with pytest.raises(BudstikkeError) as refused:
            await admin.create([TopicSpec(f"{kit.name}.none", 0)])
        assert isinstance(refused.value, Refused)
