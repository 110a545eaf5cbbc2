"""What a runner over chosen partitions does, on a cluster in memory or a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from shared.clock import SystemClock
from shared.errors import TryLater
from shared.kafka.choice import Done, Lot
from shared.kafka.chosen import ChosenRunner
from shared.kafka.port import Mark
from shared.kafka.record import TopicPartition
from tests.support import wait_until
from tests.unit.kafka.kit import Kit


class Shop:
    """A choice that tests change, and a handler that notes what it finished."""

    def __init__(self) -> None:
        self.topics: dict[str, int] = {}
        self.terms: dict[str, int] = {}
        self.lost: set[str] = set()  # topics whose term is over, though nobody has said so yet
        self.choice_fails = False
        self.asked = 0
        self.applied_last: set[str] = set()
        self.fails = 0
        self.waits: dict[str, float] = {}
        self.most: dict[str, int] = {}
        self.done: list[tuple[str, str]] = []
        self.lots: list[int] = []
        self.at_work: asyncio.Event | None = None  # set while a batch waits for `go_on`
        self.go_on = asyncio.Event()

    async def choose(self) -> Mapping[TopicPartition, int]:
        self.asked += 1
        if self.choice_fails:
            raise TryLater("accounts_unavailable", "away")
        return {
            TopicPartition(topic, number): self.terms.get(topic, 0)
            for topic, count in self.topics.items()
            for number in range(count)
        }

    def holds(self, partition: TopicPartition, term: int) -> bool:
        return partition.topic not in self.lost and term == self.terms.get(partition.topic, 0)

    async def applied(self, chosen: Mapping[TopicPartition, int]) -> None:
        self.applied_last = {partition.topic for partition in chosen}

    async def handle(self, lots: Sequence[Lot]) -> Sequence[Done]:
        if self.at_work is not None:
            self.at_work.set()
            await self.go_on.wait()
        if self.fails:
            self.fails -= 1
            raise TryLater("broker_unavailable", "away")
        self.lots.append(len(lots))
        outcomes = []
        for lot in lots:
            topic = lot.partition.topic
            count = min(len(lot.records), self.most.get(topic, len(lot.records)))
            self.done += [(topic, (record.value or b"").decode()) for record in lot.records[:count]]
            outcomes.append(Done(count, self.waits.get(topic, 0.0)))
        return outcomes

    def values(self, topic: str) -> list[str]:
        return [value for where, value in self.done if where == topic]


async def runner(kit: Kit, shop: Shop, group: str) -> ChosenRunner:
    made = ChosenRunner(
        connection=kit.settings,
        group=group,
        choice=shop,
        handle=shop.handle,
        requires={await kit.topic(): 1},
        clock=SystemClock(),
        metrics=kit.metrics,
        max_batch=20,
        refresh=0.05,
        commit_interval=0.05,
        cluster=kit.cluster,
    )
    kit.on_close(made.stop, 5.0)
    await made.start()
    await wait_until(lambda: made.health().ready)
    return made


class ChosenBehaviour:
    """Inherit, and bring a fixture `kit`."""

    @pytest.fixture
    async def shop(self) -> Shop:
        return Shop()

    async def test_a_topic_that_joins_is_read_from_its_beginning_beside_the_others(self, kit: Kit, shop: Shop) -> None:
        first, second = await kit.topic(), await kit.topic(2)
        await kit.write(first, "a", "b")
        shop.topics = {first: 1}
        await runner(kit, shop, kit.group())
        await wait_until(lambda: shop.values(first) == ["a", "b"], 20.0)
        await kit.write(second, "x")
        await kit.write(second, "y", partition=1)
        shop.topics = {first: 1, second: 2}
        await wait_until(lambda: sorted(shop.values(second)) == ["x", "y"], 20.0)
        await kit.write(first, "c")
        await wait_until(lambda: shop.values(first) == ["a", "b", "c"], 20.0)

    async def test_what_it_has_finished_is_told_from_the_start_though_it_is_nothing(self, kit: Kit, shop: Shop) -> None:
        topic, group = await kit.topic(), kit.group()
        shop.topics = {topic: 1}
        await runner(kit, shop, group)
        (told,) = kit.metrics.records.collect()
        finished = {sample.labels["topic"]: sample.value for sample in told.samples if sample.name.endswith("_total")}
        assert finished[topic] == 0

    async def test_a_topic_that_leaves_is_left_alone_and_read_on_from_its_offset_when_it_is_back(
        self, kit: Kit, shop: Shop
    ) -> None:
        topic, other = await kit.topic(), await kit.topic()
        shop.topics = {topic: 1, other: 1}
        group = kit.group()
        await runner(kit, shop, group)
        await kit.write(topic, "a")
        await wait_until(lambda: shop.values(topic) == ["a"], 20.0)
        shop.topics = {other: 1}
        await wait_until(lambda: shop.applied_last == {other}, 20.0)
        assert await kit.truth.committed(group, topic, 0) == 1
        await kit.write(topic, "b")
        await kit.write(other, "y")
        await wait_until(lambda: shop.values(other) == ["y"], 20.0)
        assert shop.values(topic) == ["a"]
        shop.topics = {topic: 1, other: 1}
        await wait_until(lambda: shop.values(topic) == ["a", "b"], 20.0)

    async def test_what_leaves_is_let_go_when_its_running_batch_is_finished_and_committed(
        self, kit: Kit, shop: Shop
    ) -> None:
        topic, other = await kit.topic(), await kit.topic()
        shop.topics, shop.at_work = {topic: 1, other: 1}, asyncio.Event()
        group = kit.group()
        await runner(kit, shop, group)
        await kit.write(topic, "a", "b")
        await asyncio.wait_for(shop.at_work.wait(), 20.0)
        shop.topics, asked = {other: 1}, shop.asked
        await wait_until(lambda: shop.asked > asked, 20.0)
        assert shop.applied_last == {topic, other}
        shop.go_on.set()
        await wait_until(lambda: shop.applied_last == {other}, 20.0)
        assert shop.values(topic) == ["a", "b"]
        assert await kit.truth.committed(group, topic, 0) == 2

    async def test_without_anything_left_to_read_it_waits_for_the_next_choice(self, kit: Kit, shop: Shop) -> None:
        topic, group = await kit.topic(), kit.group()
        shop.topics = {topic: 1}
        made = await runner(kit, shop, group)
        await kit.write(topic, "a")
        await wait_until(lambda: shop.values(topic) == ["a"], 20.0)
        shop.topics = {}
        await wait_until(lambda: shop.applied_last == set(), 20.0)
        await kit.write(topic, "b")
        assert made.health().ready
        shop.topics = {topic: 1}
        await wait_until(lambda: shop.values(topic) == ["a", "b"], 20.0)

    async def test_what_is_lost_is_neither_handed_out_nor_committed_and_holds_up_nobody(
        self, kit: Kit, shop: Shop
    ) -> None:
        lost, other = await kit.topic(), await kit.topic()
        shop.topics, shop.at_work = {lost: 1, other: 1}, asyncio.Event()
        group = kit.group()
        await runner(kit, shop, group)
        await kit.write(lost, "a")
        await asyncio.wait_for(shop.at_work.wait(), 20.0)
        shop.lost = {lost}
        shop.go_on.set()
        await wait_until(lambda: shop.values(lost) == ["a"], 20.0)  # the handler was at it, and has to see for itself
        await kit.write(lost, "b")
        await kit.write(other, "x")

        async def committed() -> bool:
            return await kit.truth.committed(group, other, 0) == 1

        await wait_until(committed, 20.0)
        assert shop.values(lost) == ["a"]
        assert await kit.truth.committed(group, lost, 0) is None
        shop.lost = set()  # it was not lost after all
        await wait_until(lambda: shop.values(lost) == ["a", "b"], 20.0)

    async def test_what_is_lost_while_its_batch_waits_is_not_handled_again(self, kit: Kit, shop: Shop) -> None:
        lost, other = await kit.topic(), await kit.topic()
        await kit.write(lost, "a")
        await kit.write(other, "x")
        shop.topics, shop.at_work, shop.fails = {lost: 1, other: 1}, asyncio.Event(), 1
        await runner(kit, shop, kit.group())
        await asyncio.wait_for(shop.at_work.wait(), 20.0)
        shop.lost = {lost}
        shop.go_on.set()
        await wait_until(lambda: shop.values(other) == ["x"], 20.0)
        assert shop.values(lost) == []

    async def test_with_a_new_term_a_partition_is_read_on_from_what_is_committed(self, kit: Kit, shop: Shop) -> None:
        topic, group = await kit.topic(), kit.group()
        shop.topics, shop.waits, shop.most = {topic: 1}, {topic: 60.0}, {topic: 2}
        await kit.write(topic, "a", "b", "c", "d", "e")
        await runner(kit, shop, group)

        async def committed() -> bool:
            return await kit.truth.committed(group, topic, 0) == 2

        await wait_until(committed, 20.0)
        consumer = kit.keep(kit.cluster.consumer(group, assignor="roundrobin"))
        await consumer.start()
        consumer.assign([TopicPartition(topic, 0)])
        shop.lost = {topic}
        await consumer.commit({TopicPartition(topic, 0): Mark(4)})  # as somebody would who had it in between
        shop.lost, shop.terms, shop.most = set(), {topic: 1}, {}
        await wait_until(lambda: shop.values(topic) == ["a", "b", "e"], 20.0)

    async def test_a_successor_goes_on_where_the_last_one_stopped(self, kit: Kit, shop: Shop) -> None:
        topic = await kit.topic()
        shop.topics = {topic: 1}
        group = kit.group()
        one = await runner(kit, shop, group)
        await kit.write(topic, "a", "b")
        await wait_until(lambda: shop.values(topic) == ["a", "b"], 20.0)
        await one.stop(5.0)
        await kit.write(topic, "c")
        await runner(kit, shop, group)
        await wait_until(lambda: len(shop.values(topic)) >= 3, 20.0)
        assert shop.values(topic) == ["a", "b", "c"]

    async def test_what_has_to_wait_holds_up_nobody_else_and_keeps_its_order(self, kit: Kit, shop: Shop) -> None:
        slow, quick = await kit.topic(), await kit.topic()
        shop.topics = {slow: 1, quick: 1}
        shop.waits, shop.most = {slow: 60.0}, {slow: 2}
        await kit.write(slow, *(str(number) for number in range(30)))
        await runner(kit, shop, kit.group())
        await wait_until(lambda: shop.values(slow) == ["0", "1"], 20.0)
        await kit.write(quick, *(str(number) for number in range(50)))
        await wait_until(lambda: len(shop.values(quick)) == 50, 20.0)
        assert shop.values(slow) == ["0", "1"]

    async def test_what_was_put_back_comes_again_in_its_order(self, kit: Kit, shop: Shop) -> None:
        topic = await kit.topic()
        shop.topics, shop.most, shop.waits = {topic: 1}, {topic: 3}, {topic: 0.01}
        values = [str(number) for number in range(50)]
        await kit.write(topic, *values)
        group = kit.group()
        await runner(kit, shop, group)
        await wait_until(lambda: len(shop.values(topic)) >= 50, 20.0)
        assert shop.values(topic) == values

    async def test_a_handler_that_asks_for_patience_gets_the_same_again(self, kit: Kit, shop: Shop) -> None:
        topic = await kit.topic()
        shop.topics, shop.fails = {topic: 1}, 3
        await kit.write(topic, "a", "b")
        await runner(kit, shop, kit.group())
        await wait_until(lambda: shop.values(topic) == ["a", "b"], 20.0)

    async def test_while_nobody_knows_the_choice_it_stays(self, kit: Kit, shop: Shop) -> None:
        topic = await kit.topic()
        shop.topics = {topic: 1}
        made = await runner(kit, shop, kit.group())
        shop.choice_fails = True
        await kit.write(topic, "a")
        await wait_until(lambda: shop.values(topic) == ["a"], 20.0)
        assert made.health().ready

    async def test_a_partition_whose_offset_is_gone_is_read_from_what_is_there(self, kit: Kit, shop: Shop) -> None:
        lost, other = await kit.topic(), await kit.topic()
        group = kit.group()
        await kit.write(lost, "a", "b")
        consumer = kit.keep(kit.cluster.consumer(group, assignor="roundrobin"))
        await consumer.start()
        consumer.assign([TopicPartition(lost, 0)])
        await consumer.commit({TopicPartition(lost, 0): Mark(99)})
        shop.topics = {lost: 1, other: 1}
        await runner(kit, shop, group)
        await kit.write(other, "x")
        await wait_until(lambda: shop.values(lost) == ["a", "b"] and shop.values(other) == ["x"], 20.0)
