"""What a transactional stage does on any cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.errors import BadSettings, Fatal, Refused, TryLater
from shared.kafka.dead_letters import DeadLetterLimit
from shared.kafka.health import Pause
from shared.kafka.port import MAX_RECORD_BYTES
from shared.kafka.record import Output, Received, TopicPartition
from tests.support import wait_until
from tests.unit.kafka.kit import Kit, copies_to, dead_letter_topic, header_values


def numbers(count: int, start: int = 0) -> list[str]:
    """Values to send."""
    return [str(number) for number in range(start, start + count)]


class TransactionalBehaviour:
    """Inherit, and bring a fixture `kit`."""

    async def test_every_record_passes_once_and_leaves_no_lag(self, kit: Kit) -> None:
        source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
        await kit.write(source, *numbers(1200), partition=0)
        runner = await kit.transactional([source], copies_to(target), group=group, max_batch=100)
        await kit.write(source, *numbers(300, 1200), partition=1)
        await kit.until_values(target, numbers(1500))
        await kit.until_no_lag(group, source, 2)
        records = await kit.truth.records(target)
        assert [r.value for r in records if r.partition == 0] == [v.encode() for v in numbers(1200)]
        assert runner.health().ready

    async def test_key_and_headers_travel(self, kit: Kit) -> None:
        source, target = await kit.topic(), await kit.topic()
        await kit.write(source, "a", headers=(("x", b"1"), ("x", b"2")))
        await kit.transactional([source], copies_to(target))
        await kit.until_values(target, ["a"])
        (record,) = await kit.truth.records(target)
        assert (record.key, record.headers) == (b"k", (("x", b"1"), ("x", b"2")))

    async def test_a_restart_goes_on_where_the_last_commit_was(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        first = await kit.transactional([source], copies_to(target), group=group)
        await kit.write(source, "a", "b")
        await kit.until_values(target, ["a", "b"])
        await first.stop(5.0)
        await first.wait()
        assert not first.health().ready
        await kit.write(source, "c")
        await kit.transactional([source], copies_to(target), group=group)
        await kit.until_values(target, ["a", "b", "c"])
        await kit.until_no_lag(group, source)

    async def test_gaps_of_transactions_upstream_leave_no_lag(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        await kit.transactional([source], copies_to(target), group=group)
        await kit.write_transaction(source, "a")
        await kit.write_transaction(source, "b", "c")
        await kit.write_transaction(source, "never", commit=False)
        await kit.until_values(target, ["a", "b", "c"])
        await kit.until_no_lag(group, source)

    async def test_what_cannot_be_read_goes_to_the_dead_letters_and_the_rest_passes(self, kit: Kit) -> None:
        source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
        await kit.write(source, "a", "poison", "b", None, "c", partition=1, headers=(("x", b"1"),))
        await kit.transactional([source], copies_to(target), group=group)
        await kit.until_values(target, ["a", "b", "c"])
        await kit.until_no_lag(group, source, 2)
        poison, empty = await kit.until_records(dead_letter_topic(source), 2)
        assert (poison.key, poison.value, poison.partition) == (b"k", b"poison", 0)
        assert (empty.key, empty.value) == (b"k", None)
        headers = header_values(poison)
        assert int(headers.pop("dlq-first-failed-at")) > 0
        assert headers == {
            "x": "1",
            "dlq-source-topic": source,
            "dlq-source-partition": "1",
            "dlq-source-offset": "1",
            "dlq-source-group": group,
            "dlq-error-type": "not_text",
            "dlq-error-message": "value is empty or poisoned",
        }

    async def test_a_record_without_key_value_and_headers_can_be_a_dead_letter(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        await (await kit.sender()).send([Output(source, 0, None, None)])
        await kit.transactional([source], copies_to(target), group=group)
        await kit.until_values(dead_letter_topic(source), [""])
        await kit.until_no_lag(group, source)

    async def test_a_batch_that_fails_is_halved_down_to_the_record_that_is_refused(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        copy, sizes = copies_to(target), []

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            sizes.append(len(batch))
            if any(received.event in ("13", "77") for received in batch):
                raise Refused("unlucky", "field number is unlucky")
            return await copy(batch)

        await kit.write(source, *numbers(100))
        await kit.transactional([source], handle, group=group, max_batch=100)
        await kit.until_values(target, [v for v in numbers(100) if v not in ("13", "77")])
        await kit.until_no_lag(group, source)
        records = await kit.until_records(dead_letter_topic(source), 2)
        assert [r.value for r in records] == [b"13", b"77"]
        assert {header_values(r)["dlq-error-type"] for r in records} == {"unlucky"}
        assert len(sizes) < 40
        passed = [int(r.value or b"") for r in await kit.truth.records(target)]
        assert passed == sorted(passed)

    async def test_an_output_that_is_too_large_blames_its_record(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            return [Output(target, 0, None, b"x" * (MAX_RECORD_BYTES if r.event == "big" else 1)) for r in batch]

        await kit.write(source, "a", "big", "b")
        await kit.transactional([source], handle, group=group)
        await kit.until_values(target, ["x", "x"])
        (record,) = await kit.until_records(dead_letter_topic(source), 1)
        assert (record.value, header_values(record)["dlq-error-type"]) == (b"big", "record_too_large")

    async def test_a_handler_that_asks_for_patience_gets_the_same_records_again(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        copy, asked, batches = copies_to(target), 3, []

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            batches.append([received.event for received in batch])
            if len(batches) <= asked:
                raise TryLater("store_away", "the store does not answer")
            return await copy(batch)

        await kit.write(source, "a", "b")
        runner = await kit.transactional([source], handle, group=group)
        await kit.until_values(target, ["a", "b"])
        assert batches[0] == batches[1] == batches[2] == batches[3]
        await wait_until(lambda: not runner.health().paused)

    async def test_a_stage_that_waits_says_so_and_stops_when_asked(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            raise TryLater("store_away", "the store does not answer")

        await kit.write(source, "a")
        runner = await kit.transactional([source], handle, group=group)
        place = TopicPartition(source, 0)
        await wait_until(lambda: runner.health().paused == {place: Pause.RETRYING}, 20.0)
        assert runner.health().live
        await runner.stop(5.0)
        assert await kit.values(target) == []
        assert not await kit.truth.committed(group, source, 0)

    async def test_an_unknown_error_ends_the_stage_and_names_the_record(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        copy = copies_to(target)

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            if any(received.event == "7" for received in batch):
                raise KeyError("the secret text")
            return await copy(batch)

        await kit.write(source, *numbers(10))
        runner = await kit.transactional([source], handle, group=group, max_batch=10)
        with pytest.raises(Fatal) as ended:
            await asyncio.wait_for(runner.wait(), 20.0)
        assert f"{source}[0] offset 7: KeyError" in str(ended.value)
        assert "secret" not in str(ended.value)
        assert isinstance(ended.value.__cause__, KeyError)
        assert not runner.health().live
        await runner.stop(5.0)
        assert await kit.values(dead_letter_topic(source)) == []
        assert (await kit.truth.committed(group, source, 0) or 0) <= 7

    async def test_a_record_that_ends_the_process_three_times_is_quarantined(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        copy = copies_to(target)

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            if any(received.event in ("7", "12") for received in batch):
                raise KeyError("the secret text")
            return await copy(batch)

        await kit.write(source, *numbers(20))
        for place in (7, 7, 12, 12):
            runner = await kit.transactional([source], handle, group=group, max_batch=5)
            with pytest.raises(Fatal, match=rf"offset {place}: KeyError"):
                await asyncio.wait_for(runner.wait(), 20.0)
            await runner.stop(5.0)
        await kit.transactional([source], handle, group=group, max_batch=5)
        await kit.until_values(target, [v for v in numbers(20) if v not in ("7", "12")])
        await kit.until_no_lag(group, source)
        letters = await kit.until_records(dead_letter_topic(source), 2)
        assert [r.value for r in letters] == [b"7", b"12"]
        assert header_values(letters[0])["dlq-error-type"] == "quarantined"
        assert header_values(letters[0])["dlq-error-message"] == "ended the process 3 times"

    async def test_a_record_that_hangs_the_handler_is_found_and_quarantined(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        copy = copies_to(target)

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            if any(received.event == "3" for received in batch):
                await asyncio.Event().wait()
            return await copy(batch)

        await kit.write(source, *numbers(12))
        for _ in range(3):  # once in its batch, then alone
            runner = await kit.transactional([source], handle, group=group, max_batch=10, handle_timeout=0.3)
            with pytest.raises(Fatal, match="kafka_handler_hung"):
                await asyncio.wait_for(runner.wait(), 20.0)
            await runner.stop(5.0)
        await kit.transactional([source], handle, group=group, max_batch=10, handle_timeout=0.3)
        await kit.until_values(target, [v for v in numbers(12) if v != "3"])
        await kit.until_no_lag(group, source)
        await kit.until_values(dead_letter_topic(source), ["3"])

    async def test_a_handler_that_hangs_ends_the_stage(self, kit: Kit) -> None:
        source, target = await kit.topic(), await kit.topic()

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            await asyncio.Event().wait()
            return []

        await kit.write(source, "a")
        runner = await kit.transactional([source], handle, handle_timeout=0.3)
        with pytest.raises(Fatal, match="kafka_handler_hung"):
            await asyncio.wait_for(runner.wait(), 20.0)
        await runner.stop(5.0)
        assert await kit.values(target) == []

    async def test_too_many_dead_letters_stop_their_partition_and_no_other(self, kit: Kit) -> None:
        source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
        limit = DeadLetterLimit(consecutive=5, ratio=1.0, window=1000)
        await kit.write(source, "a", *["poison"] * 6, "b", partition=0)
        await kit.write(source, "c", *["poison"] * 5, "d", partition=1)
        runner = await kit.transactional([source], copies_to(target), group=group, dead_letter_limit=limit)
        bad, good = TopicPartition(source, 0), TopicPartition(source, 1)
        await wait_until(lambda: runner.health().paused == {bad: Pause.DEAD_LETTERS}, 20.0)
        await kit.until_values(target, ["c", "d"])
        await kit.until_records(dead_letter_topic(source), 5)
        assert not await kit.truth.committed(group, *bad)
        await kit.write(source, "e", partition=1)
        await kit.until_values(target, ["c", "d", "e"])
        await wait_until(lambda: runner.health().ready)
        assert good in runner.health().assigned

    async def test_members_that_come_and_go_lose_and_repeat_nothing(self, kit: Kit) -> None:
        source, target, group = await kit.topic(3), await kit.topic(3), kit.group()
        sender, total = await kit.sender(), 3000

        async def write() -> None:
            for first in range(0, total, 60):
                await sender.send([Output(source, n % 3, None, str(n).encode()) for n in range(first, first + 60)])
                await asyncio.sleep(0)

        first = await kit.transactional([source], copies_to(target), group=group, max_batch=50)
        await wait_until(lambda: first.health().ready, 20.0)
        writing = asyncio.create_task(write())
        second = await kit.transactional([source], copies_to(target), group=group, max_batch=50)
        await wait_until(lambda: len(second.health().assigned) > 0, 20.0)
        third = await kit.transactional([source], copies_to(target), group=group, max_batch=50)
        await wait_until(lambda: len(third.health().assigned) == 1, 20.0)
        await first.stop(5.0)
        await third.stop(5.0)
        await wait_until(lambda: len(second.health().assigned) == 3, 20.0)
        await writing
        await kit.until_values(target, numbers(total), 60.0)
        await kit.until_no_lag(group, source, 3)
        for partition in range(3):
            values = [int(r.value or b"") for r in await kit.truth.records(target) if r.partition == partition]
            assert values == sorted(values)

    async def test_a_stage_whose_producer_is_fenced_takes_over_again_and_repeats_nothing(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        transactional_id, copy = f"{group}.{source}.0", copies_to(target)
        fences = 3

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            nonlocal fences
            if fences:
                fences -= 1
                await kit.keep(kit.cluster.transactional_producer(transactional_id)).start()
            return await copy(batch)

        await kit.write(source, *numbers(250))
        await kit.transactional([source], handle, group=group, max_batch=50)
        await kit.until_values(target, numbers(250), 30.0)
        await kit.until_no_lag(group, source)
        assert fences == 0

    async def test_stopping_lets_the_running_batch_end(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        copy, entered, leave = copies_to(target), asyncio.Event(), asyncio.Event()

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            entered.set()
            await leave.wait()
            return await copy(batch)

        await kit.write(source, "a")
        runner = await kit.transactional([source], handle, group=group)
        await asyncio.wait_for(entered.wait(), 20.0)
        stopping = asyncio.create_task(runner.stop(10.0))
        await wait_until(lambda: not runner.health().ready)
        leave.set()
        await stopping
        await kit.until_values(target, ["a"])
        await kit.until_no_lag(group, source)

    async def test_stopping_beyond_the_deadline_leaves_no_trace(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        entered = asyncio.Event()

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            entered.set()
            await asyncio.Event().wait()
            return []

        await kit.write(source, "a")
        runner = await kit.transactional([source], handle, group=group)
        await asyncio.wait_for(entered.wait(), 20.0)
        await asyncio.wait_for(runner.stop(0.5), 10.0)
        assert not await kit.truth.committed(group, source, 0)
        await kit.transactional([source], copies_to(target), group=group)
        await kit.until_values(target, ["a"])

    async def test_a_slow_handler_holds_back_the_reader_and_loses_nothing(self, kit: Kit) -> None:
        source, target, group = await kit.topic(), await kit.topic(), kit.group()
        copy, most = copies_to(target), 0

        async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
            nonlocal most
            most = max(most, len(batch))
            await asyncio.sleep(0.001)
            return await copy(batch)

        await kit.write(source, *numbers(3000))
        await kit.transactional([source], handle, group=group, max_batch=40)
        await kit.until_values(target, numbers(3000), 60.0)
        assert most == 40

    async def test_start_names_a_missing_topic(self, kit: Kit) -> None:
        source = await kit.topic()
        runner = await kit.transactional([source], copies_to("x"), start=False, requires={f"{kit.name}.absent": 1})
        with pytest.raises(BadSettings, match=rf"no topic {kit.name}.absent .* BUDSTIKKE_KAFKA"):
            await runner.start()

    async def test_start_names_a_topic_with_too_few_partitions(self, kit: Kit) -> None:
        source, target = await kit.topic(), await kit.topic(2)
        runner = await kit.transactional([source], copies_to("x"), start=False, requires={target: 4})
        with pytest.raises(BadSettings, match=f"{target} has 2, needs 4: .*BUDSTIKKE_MESSAGE_PARTITIONS"):
            await runner.start()

    async def test_the_range_assignment_needs_equal_partition_counts(self, kit: Kit) -> None:
        topics = [await kit.topic(2), await kit.topic(1)]
        runner = await kit.transactional(topics, copies_to("x"), start=False, partition_assignment="range")
        with pytest.raises(BadSettings, match="kafka_unequal_partitions"):
            await runner.start()
