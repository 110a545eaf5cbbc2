"""A process dies at each step, and another one goes on from what the ledger says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from services.dispatch.sender.ledger import Intent, Outcome, OutcomeKind, attempt_key, milliseconds
from shared.contracts.events import DispatchOrdered
from shared.kafka.record import Received
from shared.privacy.keys import Quarter
from tests.integration.dispatch.conftest import Live
from tests.integration.dispatch.rig import Life, Smsc, dies_before_the_answer, no_answer_can_come, partitions
from tests.support import wait_until
from tests.unit.dispatch.building import Letters, received

LONG = "x" * 400
Order = Received[DispatchOrdered]


async def test_a_finished_record_is_told_again_with_the_same_octets(live: Live, smsc: Smsc, letters: Letters) -> None:
    first, second = live(), live()
    smsc.statuses = [0, 11]
    orders = [received(letters.order("taken")), received(letters.order("refused"))]
    await first.start(orders)
    await first.handle(orders)
    await first.until_finished(2)
    await first.die()

    await second.start(orders)
    await second.handle(orders)
    await second.until_finished(2)

    told = {output.key: output for output in first.broker.outputs}
    assert {output.key: output for output in second.broker.outputs} == told
    assert len(smsc.submits) == 2


async def test_died_between_intent_and_pdu_the_part_is_unknown_and_not_sent(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    first, second = live(), live()
    order = received(letters.order())
    await first.start([order])
    await _intended(first, order)
    await first.die()

    await second.start([order])
    await second.handle([order])
    await no_answer_can_come(second)
    await second.until_finished(1)

    assert second.broker.kinds() == ["1:1:unknown"]
    assert smsc.submits == []


async def test_an_unknown_of_a_dead_process_stays_unknown_when_the_store_is_away_meanwhile(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    first, second = live(), live()
    order = received(letters.order())
    await first.start([order])
    await _intended(first, order)
    await first.die()
    second.ledger.faults.fail["intend"] = 1
    second.ledger.faults.lose["intend"] = 1

    await second.start([order])
    await second.handle([order])
    await no_answer_can_come(second)
    await second.until_finished(1)

    assert second.broker.kinds() == ["1:1:unknown"]
    assert smsc.submits == []


async def test_died_between_pdu_and_answer_the_part_is_unknown_and_not_sent_again(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    first, second = live(), live()
    order = received(letters.order())
    await dies_before_the_answer(first, smsc, order)
    smsc.silent = False

    await second.start([order])
    await second.handle([order])
    await no_answer_can_come(second)
    await second.until_finished(1)

    assert second.broker.kinds() == ["1:1:unknown"]
    assert len(smsc.submits) == 1


async def test_died_between_outcome_and_fact_the_fact_is_told_by_the_next(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    first, second = live(), live()
    first.broker.away = True
    order = received(letters.order())
    await first.start([order])
    await first.handle([order])
    await wait_until(lambda: first.broker.refused > 0)
    await first.die()
    assert first.finished == []

    await second.start([order])
    await second.handle([order])
    await second.until_finished(1)

    assert second.broker.kinds() == ["1:1:submitted"]
    assert second.broker.facts[0].operator_id == "1"
    assert len(smsc.submits) == 1


async def test_died_twice_and_still_nothing_is_sent_again(live: Live, smsc: Smsc, letters: Letters) -> None:
    order = received(letters.order())
    smsc.silent = True
    for _ in range(2):
        life = live()
        life.broker.away = True
        await life.start([order])
        await life.handle([order])
        await wait_until(lambda: len(smsc.submits) == 1)
        await life.die()
    last = live()
    await last.start([order])
    await last.handle([order])
    await no_answer_can_come(last)
    await last.until_finished(1)

    assert last.broker.kinds() == ["1:1:unknown"]
    assert len(smsc.submits) == 1


async def test_of_a_message_partly_done_only_the_rest_is_sent(live: Live, smsc: Smsc, letters: Letters) -> None:
    """Part 1 is submitted, part 2 was withheld, part 3 has an intent alone, part 4 has nothing."""
    life = live()
    order = received(letters.order("y" * 600))
    keys = [attempt_key(order.event.message.message_id, part, 1) for part in (1, 2, 3)]
    lease = f"{order.record.topic}:{order.record.partition}"
    now = milliseconds(datetime.now(UTC))
    await life.start([order])
    await life.ledger.intend([Intent(key, lease, 0, "fjord-1", now) for key in keys])
    await life.ledger.settle([Outcome(keys[0], OutcomeKind.SUBMITTED, now, "fjord-1", "77")])
    await life.ledger.settle([Outcome(keys[1], OutcomeKind.WITHHELD, now, "fjord-1")])

    await life.handle([order])
    await no_answer_can_come(life)
    await life.until_finished(1)

    assert sorted(life.broker.kinds()) == ["1:1:submitted", "2:2:submitted", "3:1:unknown", "4:1:submitted"]
    assert sorted(submit.short_message[5] for submit in smsc.submits) == [2, 4]


async def test_what_was_taken_is_not_expired_by_a_replay_after_its_validity(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    first, second = live(), live()
    first.broker.away = True
    valid_until = datetime.now(UTC) + timedelta(minutes=5)
    taken, untouched = (received(letters.order(text, valid_until=valid_until)) for text in ("taken", "untouched"))
    await first.start([taken])
    await first.handle([taken])
    await wait_until(lambda: first.broker.refused > 0)
    await first.die()
    second.clock.pushed = 600.0

    await second.start([taken, untouched])
    await second.handle([taken, untouched])
    await second.until_finished(2)

    assert sorted(second.broker.kinds()) == ["1:1:expired", "1:1:submitted"]
    assert smsc.texts == ["taken"]


async def test_what_was_taken_is_not_rejected_when_its_key_is_destroyed_before_the_replay(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    first, second = live(), live()
    first.broker.away = True
    asked = datetime(2025, 1, 2, tzinfo=UTC)
    valid_until = datetime.now(UTC) + timedelta(hours=1)
    order = received(letters.order(requested_at=asked, valid_until=valid_until))
    await first.start([order])
    await first.handle([order])
    await wait_until(lambda: first.broker.refused > 0)
    await first.die()
    letters.keys.destroy(order.event.message.account_id, Quarter(100))

    await second.start([order])
    await second.handle([order])
    await second.until_finished(1)

    assert second.broker.kinds() == ["1:1:submitted"]


async def test_a_successor_calls_it_unknown_and_the_answer_closes_it(live: Live, smsc: Smsc, letters: Letters) -> None:
    """The old holder lives on without its lease, and gets its answer after the new one has judged."""
    old, new, later = live(), live(), live()
    smsc.silent = True
    order = received(letters.order())
    await old.start([order])
    await old.handle([order])
    await wait_until(lambda: len(smsc.kept) == 1)
    await old.leases.give_up(partitions([order]))
    await new.start([order])
    await new.handle([order])
    await no_answer_can_come(new)
    await new.until_finished(1)

    smsc.answer_kept()
    await old.until_finished(1)
    await new.die()
    await later.start([order])
    await later.handle([order])
    await later.until_finished(1)

    assert new.broker.kinds() == ["1:1:unknown"]
    assert old.broker.kinds() == ["1:1:submitted"]
    assert later.broker.outputs == old.broker.outputs
    assert len(smsc.submits) == 1


async def test_stopping_records_the_answers_that_still_come(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    smsc.silent = True
    order = received(letters.order())
    await life.start([order])
    await life.handle([order])
    await wait_until(lambda: len(smsc.kept) == 1)

    stopping = asyncio.create_task(life.stop())
    await wait_until(lambda: life.link.free == 0)
    smsc.answer_kept()
    await stopping

    assert life.broker.kinds() == ["1:1:submitted"]
    assert await life.ledger.unresolved() == 0
    assert await _free(life)


async def test_stopping_with_a_silent_operator_leaves_unknown_on_record(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    smsc.silent = True
    order = received(letters.order())
    await life.start([order])
    await life.handle([order])
    await wait_until(lambda: len(smsc.kept) == 1)

    await life.stop(1.0)

    assert life.broker.kinds() == ["1:1:unknown"]
    assert await life.ledger.unresolved() == 0
    assert await _free(life)


async def _free(life: Life) -> bool:
    """Whether somebody else could have all leases now."""
    others = [row async for row in life.ledger.rows.leases.find({"owner": {"$ne": ""}})]
    return not others


async def _intended(life: Life, order: Order) -> None:
    """Take an order as far as its intent, with a link that is never free."""
    attempts = asyncio.Event()

    def free_bind() -> None:
        attempts.set()

    life.link.free_bind = free_bind  # type: ignore[method-assign]
    handling = asyncio.create_task(life.handle([order]))
    await asyncio.wait_for(attempts.wait(), 5)
    for task in life.submitter._chunks:
        task.cancel()
    handling.cancel()
    await asyncio.gather(handling, return_exceptions=True)
    assert await life.ledger.unresolved() == 1
