"""What an at-least-once stage does on any cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from shared.errors import BadRecord, Fatal, TryLater
from shared.kafka.dead_letters import DeadLetterLimit
from shared.kafka.health import Pause
from shared.kafka.record import Output, Received, TopicPartition
from tests.support import wait_until
from tests.unit.kafka.kit import Finish, Kit, dead_letter_topic, header_values


class Desk:
    """A handler that keeps what it gets until the test finishes it; or finishes at once."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.got: list[str] = []
        self.batches: list[list[str]] = []
        self._at_once = at_once
        self._open: dict[str, Callable[[], None]] = {}

    async def __call__(self, batch: Sequence[Received[str]], finish: Finish) -> None:
        self.batches.append([received.event for received in batch])
        for received in batch:
            self.got.append(received.event)
            self._open[received.event] = lambda received=received: finish(received)  # type: ignore[misc]
            if self._at_once:
                finish(received)

    def finish(self, *events: str) -> None:
        for event in events:
            self._open[event]()


class AtLeastOnceBehaviour:
    """Inherit, and bring a fixture `kit`."""

    async def test_finished_records_leave_no_lag(self, kit: Kit) -> None:
        source, group, desk = await kit.topic(2), kit.group(), Desk(at_once=True)
        await kit.at_least_once([source], desk, group=group)
        await kit.write(source, *map(str, range(700)))
        await kit.write_transaction(source, "x", "y", partition=1)
        await kit.write_transaction(source, "never", partition=1, commit=False)
        await wait_until(lambda: len(desk.got) == 702, 20.0)
        await kit.until_no_lag(group, source, 2)
        assert [event for event in desk.got if event.isdigit()] == [str(n) for n in range(700)]

    async def test_the_commit_stops_before_the_first_unfinished_record_whatever_finishes_behind_it(
        self, kit: Kit
    ) -> None:
        source, group, desk = await kit.topic(), kit.group(), Desk()
        await kit.at_least_once([source], desk, group=group)
        for value in ("a", "b", "c"):
            await kit.write_transaction(source, value)  # offsets 0, 2, 4: a marker behind each
        await wait_until(lambda: len(desk.got) == 3, 20.0)

        async def until_committed(offset: int) -> None:
            async def there() -> bool:
                return await kit.truth.committed(group, source, 0) == offset

            await wait_until(there, 20.0, waiting_for=f"commit {offset}")

        desk.finish("a")
        await until_committed(2)
        desk.finish("c")
        await kit.write_transaction(source, "d")
        await wait_until(lambda: len(desk.got) == 4, 20.0)
        desk.finish("d")
        await until_committed(2)
        desk.finish("b")
        await until_committed(8)

    async def test_what_was_not_finished_comes_again_after_a_restart(self, kit: Kit) -> None:
        source, group, desk = await kit.topic(), kit.group(), Desk()
        runner = await kit.at_least_once([source], desk, group=group)
        await kit.write(source, "a", "b", "c")
        await wait_until(lambda: len(desk.got) == 3, 20.0)
        desk.finish("a", "c")
        await runner.stop(0.5)
        assert await kit.truth.committed(group, source, 0) == 1
        desk.finish("b")  # too late: that tenure is over
        again = Desk(at_once=True)
        await kit.at_least_once([source], again, group=group)
        await wait_until(lambda: again.got == ["b", "c"], 20.0)
        await kit.until_no_lag(group, source)

    async def test_a_reader_that_rests_reads_on_later_and_ends_at_once(self, kit: Kit) -> None:
        source, group, desk = await kit.topic(), kit.group(), Desk(at_once=True)
        runner = await kit.at_least_once([source], desk, group=group, rest=300.0)
        await kit.write(source, "a")
        await wait_until(lambda: desk.got == ["a"], 20.0)
        await kit.write(source, "b", "c")
        await runner.stop(5.0)
        assert desk.got == ["a"]
        again = Desk(at_once=True)
        await kit.at_least_once([source], again, group=group, rest=0.01)
        await wait_until(lambda: again.got == ["b", "c"], 20.0)
        await kit.write(source, "d")
        await wait_until(lambda: again.got == ["b", "c", "d"], 20.0)

    @pytest.mark.parametrize("max_batch", [50, 500])  # each poll brings few, or each fetch does
    async def test_a_reader_does_not_rest_over_a_backlog(self, kit: Kit, max_batch: int) -> None:
        source, desk = await kit.topic(), Desk(at_once=True)
        await kit.write(source, *(f"{number:02000}" for number in range(400)))
        await kit.at_least_once([source], desk, rest=300.0, max_batch=max_batch)
        await wait_until(lambda: len(desk.got) == 400, 20.0)

    async def test_stopping_waits_for_what_is_unfinished(self, kit: Kit) -> None:
        source, group, desk = await kit.topic(), kit.group(), Desk()
        runner = await kit.at_least_once([source], desk, group=group)
        await kit.write(source, "a", "b")
        await wait_until(lambda: len(desk.got) == 2, 20.0)
        stopping = asyncio.create_task(runner.stop(15.0))
        await wait_until(lambda: not runner.health().ready)
        desk.finish("b", "a")
        await stopping
        assert await kit.lag(group, source) == 0

    async def test_stopping_does_not_wait_for_a_handler_that_asks_for_patience(self, kit: Kit) -> None:
        source, group, asked = await kit.topic(), kit.group(), asyncio.Event()

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            asked.set()
            raise TryLater("store_away", "the store does not answer")

        await kit.write(source, "a", "b")
        runner = await kit.at_least_once([source], handle, group=group)
        await asyncio.wait_for(asked.wait(), 20.0)
        await asyncio.wait_for(runner.stop(60.0), 10.0)
        again = Desk(at_once=True)
        await kit.at_least_once([source], again, group=group)
        await wait_until(lambda: again.got == ["a", "b"], 20.0)

    async def test_a_handler_that_is_blocked_gives_back_what_it_has_not_begun_when_it_is_asked_to_stop(
        self, kit: Kit
    ) -> None:
        source, group, begun = await kit.topic(), kit.group(), []

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            with pytest.raises(ValueError, match="only when its partition is"):
                finish.give_back(batch[0])
            begun.append((batch[1], finish))
            await wait_until(lambda: finish.closing, 20.0)
            finish.give_back(batch[0])
            finish.give_back(batch[0])
            finish.give_back(batch[2])
            finish(batch[2])

        await kit.write(source, "a", "b", "c")
        runner = await kit.at_least_once([source], handle, group=group)
        await wait_until(lambda: len(begun) == 1, 20.0)
        stopping = asyncio.create_task(runner.stop(60.0))
        await wait_until(lambda: not runner.health().ready)
        (received, finish), *_ = begun
        await asyncio.sleep(0)
        assert not stopping.done()  # b is in the making
        finish(received)
        await asyncio.wait_for(stopping, 10.0)
        assert not await kit.truth.committed(group, source, 0)
        again = Desk(at_once=True)
        await kit.at_least_once([source], again, group=group)
        await wait_until(lambda: again.got == ["a", "b", "c"], 20.0)

    async def test_no_more_than_the_limit_is_unfinished(self, kit: Kit) -> None:
        source, group, desk = await kit.topic(), kit.group(), Desk()
        await kit.write(source, *map(str, range(100)))
        await kit.at_least_once([source], desk, group=group, max_batch=20, max_unfinished=30)
        await wait_until(lambda: len(desk.got) == 30, 20.0)
        for number in range(100):
            await wait_until(lambda: len(desk.got) > number)  # noqa: B023
            assert len(desk.got) <= 30 + number
            desk.finish(str(number))
        await kit.until_no_lag(group, source)

    async def test_partitions_of_their_own_do_not_wait_for_each_other(self, kit: Kit) -> None:
        source, group, release, got = await kit.topic(2), kit.group(), asyncio.Event(), []

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            if batch[0].record.partition == 0:
                await release.wait()
            for received in batch:
                got.append(received.event)
                finish(received)

        await kit.at_least_once([source], handle, group=group, per_partition=True, max_batch=2)
        await kit.write(source, "slow", partition=0)
        await kit.write(source, *"abcdef", partition=1)
        await wait_until(lambda: got == list("abcdef"), 20.0)
        release.set()
        await wait_until(lambda: got == [*"abcdef", "slow"], 20.0)

    async def test_a_batch_spans_the_partitions_of_the_consumer(self, kit: Kit) -> None:
        source, desk = await kit.topic(3), Desk(at_once=True)
        for partition in range(3):
            await kit.write(source, f"p{partition}", partition=partition)
        await kit.at_least_once([source], desk, linger=0.5)
        await wait_until(lambda: len(desk.got) == 3, 20.0)
        assert len(desk.batches) < 3

    async def test_the_oldest_record_comes_first_whichever_topic_or_partition_it_is_in(self, kit: Kit) -> None:
        first, second, desk = await kit.topic(2), await kit.topic(), Desk(at_once=True)
        places = [(first, 0), (second, 0), (first, 1)] * 7
        for number, (topic, partition) in enumerate(places):
            await kit.write(topic, str(number), partition=partition)
            await asyncio.sleep(0.002)  # the clock of records counts milliseconds
        await kit.at_least_once([first, second], desk, linger=0.5)
        await wait_until(lambda: len(desk.got) == len(places), 20.0)
        assert len(desk.batches) < 3
        for batch in desk.batches:
            assert batch == sorted(batch, key=int)

    async def test_a_handler_that_asks_for_patience_gets_only_what_is_unfinished(self, kit: Kit) -> None:
        source, group, batches = await kit.topic(), kit.group(), []

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            batches.append([received.event for received in batch])
            finish(batch[0])
            if len(batch) > 1:
                raise TryLater("store_away", "the store does not answer")

        await kit.write(source, "a", "b", "c")
        await kit.at_least_once([source], handle, group=group)
        await wait_until(lambda: batches == [["a", "b", "c"], ["b", "c"], ["c"]], 20.0)
        await kit.until_no_lag(group, source)

    async def test_refused_and_unreadable_records_are_dead_letters_and_count_as_finished(self, kit: Kit) -> None:
        source, group, got = await kit.topic(), kit.group(), []

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            if any(received.event == "bad" for received in batch):
                raise BadRecord("unlucky", "field is unlucky")
            for received in batch:
                got.append(received.event)
                finish(received)

        await kit.write(source, "a", "poison", "b", "bad", "c", None, "d")
        await kit.at_least_once([source], handle, group=group)
        await kit.until_no_lag(group, source)
        assert got == ["a", "b", "c", "d"]
        letters = await kit.until_records(dead_letter_topic(source), 3)
        assert {(r.value, header_values(r)["dlq-error-type"]) for r in letters} == {
            (b"poison", "not_text"),
            (None, "not_text"),
            (b"bad", "unlucky"),
        }

    async def test_too_many_dead_letters_stop_their_partition_and_no_other(self, kit: Kit) -> None:
        source, group, desk = await kit.topic(2), kit.group(), Desk(at_once=True)
        limit = DeadLetterLimit(consecutive=3, ratio=1.0, window=1000)
        await kit.write(source, *["poison"] * 4, partition=0)
        runner = await kit.at_least_once([source], desk, group=group, dead_letter_limit=limit)
        bad = TopicPartition(source, 0)
        await wait_until(lambda: runner.health().paused == {bad: Pause.DEAD_LETTERS}, 20.0)
        await kit.write(source, "fine", partition=1)
        await wait_until(lambda: desk.got == ["fine"], 20.0)
        await runner.stop(5.0)
        assert await kit.values(dead_letter_topic(source)) == []
        assert not await kit.truth.committed(group, *bad)
        assert await kit.truth.committed(group, source, 1) == 1

    async def test_an_unknown_error_ends_the_stage_and_names_the_record(self, kit: Kit) -> None:
        source, group = await kit.topic(), kit.group()

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            for received in batch:
                if received.event == "b":
                    raise ZeroDivisionError
                finish(received)

        await kit.write(source, "a", "b", "c")
        runner = await kit.at_least_once([source], handle, group=group)
        with pytest.raises(Fatal, match=r"\[0\] offset 1: ZeroDivisionError"):
            await asyncio.wait_for(runner.wait(), 20.0)
        await runner.stop(1.0)
        assert await kit.truth.committed(group, source, 0) == 1

    async def test_a_record_that_ends_the_process_three_times_is_quarantined(self, kit: Kit) -> None:
        source, group, got = await kit.topic(), kit.group(), []

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            for received in batch:
                if received.event == "c":
                    raise ZeroDivisionError
                got.append(received.event)
                finish(received)

        await kit.write(source, *"abcde")
        for _ in range(2):
            runner = await kit.at_least_once([source], handle, group=group)
            with pytest.raises(Fatal, match="offset 2: ZeroDivisionError"):
                await asyncio.wait_for(runner.wait(), 20.0)
            await runner.stop(1.0)
        await kit.at_least_once([source], handle, group=group)
        await kit.until_no_lag(group, source)
        assert set(got) == set("abde")
        (letter,) = await kit.until_records(dead_letter_topic(source), 1)
        assert (letter.value, header_values(letter)["dlq-error-type"]) == (b"c", "quarantined")

    async def test_a_record_that_hangs_the_handler_is_found_among_others_and_quarantined(self, kit: Kit) -> None:
        source, group, desk = await kit.topic(2), kit.group(), Desk(at_once=True)

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            if any(received.event == "c" for received in batch):
                await asyncio.Event().wait()
            await desk(batch, finish)

        await kit.write(source, *"abcde")
        await kit.write(source, *"vwxyz", partition=1)
        for _ in range(3):  # once among others, then alone
            runner = await kit.at_least_once([source], handle, group=group, handle_timeout=0.3)
            with pytest.raises(Fatal, match="kafka_handler_hung"):
                await asyncio.wait_for(runner.wait(), 20.0)
            await runner.stop(5.0)
        await kit.at_least_once([source], handle, group=group, handle_timeout=0.3)
        await kit.until_no_lag(group, source, 2)
        assert set(desk.got) == set("abdevwxyz")
        (letter,) = await kit.until_records(dead_letter_topic(source), 1)
        assert (letter.value, header_values(letter)["dlq-error-type"]) == (b"c", "quarantined")

    async def test_leases_are_taken_before_the_first_record_and_given_back_after_the_last_commit(
        self, kit: Kit
    ) -> None:
        source, group, story = await kit.topic(2), kit.group(), []
        patience = 2

        async def take(partitions: frozenset[TopicPartition]) -> None:
            nonlocal patience
            if patience:
                patience -= 1
                raise TryLater("lease_held", "another process has the lease")
            story.append(f"take {len(partitions)}")

        async def give_back(partitions: frozenset[TopicPartition]) -> None:
            story.append(f"give back {len(partitions)} at {await kit.truth.committed(group, source, 0)}")

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            for received in batch:
                story.append(received.event)
                finish(received)

        await kit.write(source, "a")
        runner = await kit.at_least_once([source], handle, group=group, on_assigned=take, on_revoked=give_back)
        await wait_until(lambda: "a" in story, 20.0)
        await runner.stop(5.0)
        assert story == ["take 2", "a", "give back 2 at 1"]

    async def test_members_that_come_and_go_lose_and_repeat_nothing(self, kit: Kit) -> None:
        source, group, total = await kit.topic(3), kit.group(), 3000
        sender = await kit.sender()
        got: list[str] = []

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            got.extend(received.event for received in batch)
            for received in batch:
                asyncio.get_running_loop().call_soon(finish, received)

        async def write() -> None:
            for first in range(0, total, 60):
                await sender.send([Output(source, n % 3, None, str(n).encode()) for n in range(first, first + 60)])
                await asyncio.sleep(0)

        first = await kit.at_least_once([source], handle, group=group, max_batch=50)
        await wait_until(lambda: first.health().ready, 20.0)
        writing = asyncio.create_task(write())
        second = await kit.at_least_once([source], handle, group=group, max_batch=50)
        await wait_until(lambda: len(second.health().assigned) > 0, 20.0)
        third = await kit.at_least_once([source], handle, group=group, max_batch=50)
        await wait_until(lambda: len(third.health().assigned) == 1, 20.0)
        await first.stop(5.0)
        await second.stop(5.0)
        await writing
        await wait_until(lambda: len(got) >= total, 60.0)
        await kit.until_no_lag(group, source, 3)
        assert sorted(got, key=int) == [str(n) for n in range(total)]

    async def test_a_handler_that_hangs_ends_the_stage(self, kit: Kit) -> None:
        source, group, desk = await kit.topic(), kit.group(), Desk(at_once=True)

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            await asyncio.Event().wait()

        await kit.write(source, *map(str, range(20)))
        runner = await kit.at_least_once([source], handle, group=group, max_batch=5, handle_timeout=0.3)
        with pytest.raises(Fatal, match="kafka_handler_hung"):
            await asyncio.wait_for(runner.wait(), 20.0)
        await runner.stop(5.0)
        await kit.at_least_once([source], desk, group=group, handle_timeout=0.3)
        await wait_until(lambda: len(desk.got) == 20, 20.0)

    async def test_a_handler_without_a_limit_may_take_its_time_and_its_own_timeouts_are_its_own(self, kit: Kit) -> None:
        source, desk, go = await kit.topic(), Desk(at_once=True), asyncio.Event()

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            try:
                async with asyncio.timeout(0.01):
                    await go.wait()
            except TimeoutError as error:
                raise TryLater("slow", "not yet") from error
            await desk(batch, finish)

        runner = await kit.at_least_once([source], handle, handle_timeout=None)
        await kit.write(source, "a")
        await wait_until(lambda: Pause.RETRYING in runner.health().paused.values(), 20.0)
        go.set()
        await wait_until(lambda: desk.got == ["a"], 20.0)
