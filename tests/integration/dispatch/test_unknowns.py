"""What nobody knows the outcome of is closed once: sent again once, or ended."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.dispatch.sender.ledger import attempt_key
from services.dispatch.sweeper import sweeper
from shared.contracts.events import DispatchOrdered, OperatorReceipt
from shared.contracts.words import ReceiptState, ReturnReason
from shared.errors import TryLater
from shared.kafka.record import Received
from shared.smpp.constants import ESME_RMSGQFUL, ESME_RSYSERR, ESME_RTHROTTLED
from shared.stores.mongodb import Database
from tests.integration.dispatch.conftest import Live
from tests.integration.dispatch.rig import (
    Life,
    Smsc,
    called_unknown,
    dies_before_the_answer,
    inherits,
    no_answer_can_come,
    partitions,
)
from tests.integration.dispatch.sweeping import Broom, route
from tests.support import wait_until
from tests.unit.dispatch.building import Letters, received

DUE = 61.0
"""Seconds after an intent: response timeout, half a minute for receipts, and one."""


async def unanswered(life: Life, smsc: Smsc, *orders: Received[DispatchOrdered]) -> None:
    """Submit these, and lose the link before any answer."""
    smsc.silent = True
    before = len(smsc.submits)
    parts = sum(len(order.event.parts) or order.event.message.parts for order in orders)
    await life.start(orders)
    await life.handle(orders)
    await wait_until(lambda: len(smsc.submits) == before + parts)
    smsc.drop()
    await life.until_finished(len(orders))
    smsc.silent = False
    smsc.kept.clear()


async def test_an_unknown_outcome_is_left_to_the_sweeper_before_its_record_is_finished(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    life = live()
    order = received(letters.order())
    kept = []
    life.unknowns.note = _spy(life.unknowns.note, lambda rows: kept.append((list(life.finished), rows)))  # type: ignore[method-assign]

    await unanswered(life, smsc, order)

    ((finished, (row,)),) = kept
    assert finished == []
    assert row.order == order.event
    assert (row.parts, row.attempt) == ((1,), 1)
    assert await database.unknowns.count_documents({}) == 1


async def test_died_between_the_outcome_and_its_row_the_next_makes_the_row(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    first, second = live(), live()
    order = received(letters.order())
    refused = []

    async def away(rows: object) -> None:
        refused.append(rows)
        raise TryLater("mongodb_unreachable", "away on purpose")

    first.unknowns.note = away  # type: ignore[method-assign]
    smsc.silent = True
    await first.start([order])
    await first.handle([order])
    await wait_until(lambda: len(smsc.submits) == 1)
    smsc.drop()
    await wait_until(lambda: len(refused) == 1)
    await first.die()
    assert (first.finished, first.broker.outputs) == ([], [])

    await second.start([order])
    await second.handle([order])
    await second.until_finished(1)

    assert second.broker.kinds() == ["1:1:unknown"]
    assert await database.unknowns.count_documents({}) == 1


async def test_what_is_known_costs_no_row_and_no_call(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    life = live()
    order = received(letters.order())
    await life.start([order])
    await life.handle([order])
    await life.until_finished(1)

    assert life.ledger.faults.calls == ["intend", "settle"]
    assert await database.unknowns.count_documents({}) == 0


async def test_an_ordinary_message_is_sent_once_more_when_no_receipt_came(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    first, second, broom = live(), live(), Broom(database)
    order = received(letters.order())
    await unanswered(first, smsc, order)
    await first.die()

    assert await broom.sweep(55.0) == 0
    assert await broom.sweep(6.0) == 1
    (returned,) = broom.returned()
    (again,) = await route(letters.sealer, broom.broker.outputs, "fjord")
    await second.start([again])
    await second.handle([again])
    await second.until_finished(1)

    assert (returned.attempt, returned.parts, returned.why, returned.again) == (
        2,
        (1,),
        ReturnReason.OUTCOME_UNKNOWN,
        True,
    )
    assert second.broker.kinds() == ["1:2:submitted"]
    assert smsc.texts == ["hei", "hei"]
    assert await broom.sweep(600.0) == 0
    assert await database.unknowns.count_documents({}) == 0


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
async def test_when_it_is_closed_does_not_depend_on_the_clock_of_its_sender(
    live: Live, smsc: Smsc, letters: Letters, database: Database, ahead: float
) -> None:
    life, broom = live(), Broom(database)
    life.clock.pushed = ahead
    before = datetime.now(UTC)
    await unanswered(life, smsc, received(letters.order(valid_until=before + timedelta(hours=3))))

    row = await database.unknowns.find_one({})
    assert row is not None
    assert row["since"] < before
    assert await broom.sweep(55.0) == 0
    assert await broom.sweep(6.0) == 1


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
async def test_what_a_predecessor_with_another_clock_began_is_closed_half_a_minute_to_a_minute_later(
    live: Live, smsc: Smsc, letters: Letters, database: Database, ahead: float
) -> None:
    old, new, broom = live(), live(), Broom(database)
    order = received(letters.order(valid_until=datetime.now(UTC) + timedelta(hours=3)))
    old.clock.pushed = ahead
    await dies_before_the_answer(old, smsc, order)
    await new.start([order])
    await new.handle([order])
    await no_answer_can_come(new)
    await new.until_finished(1)

    assert await broom.sweep(25.0) == 0
    assert await broom.sweep(36.0) == 1


async def test_a_second_attempt_that_ends_unknown_is_not_made_a_third_time(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    life, broom = live(), Broom(database)
    order = received(msgspec.structs.replace(letters.order(attempt=2), again=True))
    await unanswered(life, smsc, order)

    await broom.sweep(DUE)

    assert [(fact.kind, fact.code, fact.attempt) for fact in broom.broker.facts] == [("failed", "outcome_unknown", 2)]
    assert broom.returned() == []


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"never_twice": True}, "failed", "outcome_unknown"),
        ({"valid_until": datetime.now(UTC) + timedelta(minutes=10)}, "expired", "validity_over"),
    ],
)
async def test_what_may_not_be_sent_again_ends(
    live: Live, smsc: Smsc, letters: Letters, database: Database, changes: dict[str, bool], kind: str, code: str
) -> None:
    life, broom = live(), Broom(database)
    await unanswered(life, smsc, received(letters.order(**changes)))

    await broom.sweep(1200.0)

    (fact,) = broom.broker.facts
    assert (fact.kind, fact.code, fact.part, fact.attempt) == (kind, code, 1, 1)
    assert broom.returned() == []
    assert await broom.sweep(120.0) == 0


async def test_of_two_sweepers_one_closes_and_the_return_is_made_once(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    orders = [received(letters.order(f"m{number}")) for number in range(20)]
    brooms = [Broom(database, owner=f"owner {number}") for number in range(3)]
    await unanswered(live(window=20), smsc, *orders)

    closed = await asyncio.gather(*(broom.sweep(DUE) for broom in brooms))

    assert sum(closed) == 20
    assert sorted(event.message.message_id for broom in brooms for event in broom.returned()) == sorted(
        order.event.message.message_id for order in orders
    )


@pytest.mark.parametrize("step", ["claim", "close", "tell"])
@pytest.mark.parametrize("never_twice", [False, True])
async def test_a_sweeper_that_dies_behind_any_step_is_followed_by_one_that_tells_the_same(
    live: Live, smsc: Smsc, letters: Letters, database: Database, step: str, never_twice: bool
) -> None:
    dying, next_one = Broom(database, dies_after=step), Broom(database, owner="b")
    await unanswered(live(), smsc, received(letters.order(never_twice=never_twice)))

    with pytest.raises(TryLater):
        await dying.sweep(DUE)
    assert await next_one.sweep(DUE) == 0
    assert await next_one.sweep(61.0) == 1

    assert len(next_one.broker.outputs) == 1
    if step == "tell":
        assert next_one.broker.outputs == dying.broker.outputs
    assert len(next_one.returned()) == (0 if never_twice else 1)
    assert await database.unknowns.count_documents({}) == 0


async def test_a_late_answer_that_comes_first_closes_it_and_nothing_is_sent_again(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    life, broom = live(response_timeout=0.2), Broom(database)
    await called_unknown(life, smsc, received(letters.order()))
    smsc.answer_kept()
    await wait_until(lambda: life.broker.kinds() == ["1:1:unknown", "1:1:submitted"])

    await broom.sweep(DUE)

    assert broom.broker.ids() == life.broker.ids()[1:]
    assert broom.broker.facts == life.broker.facts[1:]


@pytest.mark.parametrize("status", [ESME_RTHROTTLED, ESME_RMSGQFUL, ESME_RSYSERR])
async def test_a_late_answer_that_asks_for_patience_ends_nothing_and_it_is_sent_again(
    live: Live, smsc: Smsc, letters: Letters, database: Database, status: int
) -> None:
    life, broom = live(response_timeout=0.2), Broom(database)
    await called_unknown(life, smsc, received(letters.order()))
    ((reply, _),) = smsc.kept
    reply(status, b"")
    await wait_until(lambda: life.submitter._patience.left() > 0)

    await broom.sweep(DUE)

    assert [returned.attempt for returned in broom.returned()] == [2]
    assert life.broker.kinds() == ["1:1:unknown"]


async def test_an_answer_after_it_was_closed_is_told_and_changes_nothing_else(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    life, broom = live(response_timeout=0.2), Broom(database)
    order = received(letters.order())
    await called_unknown(life, smsc, order)
    await broom.sweep(DUE)

    smsc.answer_kept()
    await wait_until(lambda: life.broker.kinds() == ["1:1:unknown", "1:1:submitted"])

    row = await database.outcomes.find_one({"_id": f"{attempt_key(order.event.message.message_id, 1, 1)}:settled"})
    assert row is not None
    assert row["kind"] == "again"
    assert len(broom.returned()) == 1


async def test_a_receipt_that_names_the_attempt_shows_that_it_was_taken(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    life, broom = live(), Broom(database)
    order = received(letters.order())
    message = order.event.message
    await unanswered(life, smsc, order)
    key = attempt_key(message.message_id, 1, 1)
    broom.receipts[key] = OperatorReceipt(
        receipt_id="r1",
        operator="fjord",
        link="fjord-1",
        operator_id="77",
        operator_id_raw=b"77",
        state=ReceiptState.DELIVERED,
        received_at=datetime.now(UTC),
        message_id=message.message_id,
        account_id=message.account_id,
        part=1,
        attempt=1,
    )

    await broom.sweep(DUE)

    (fact,) = broom.broker.facts
    assert (fact.kind, fact.operator_id, fact.link) == ("submitted", "77", "fjord-1")
    assert broom.returned() == []


async def test_of_a_message_partly_taken_the_missing_parts_go_again_together_and_to_the_same_operator(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    life, broom = live(window=10), Broom(database)
    order = received(letters.order("y" * 400))
    smsc.silent = True
    await life.start([order])
    await life.handle([order])
    await wait_until(lambda: len(smsc.kept) == 3)
    (reply, _), *_ = smsc.kept
    reply(0, b"1")
    await wait_until(lambda: life.settler.unresolved == 2)
    smsc.drop()
    await life.until_finished(1)

    await broom.sweep(DUE)
    (returned,) = broom.returned()
    (again,) = await route(letters.sealer, broom.broker.outputs, "tinde")

    assert (returned.parts, returned.attempt, returned.stay) == ((2, 3), 2, True)
    assert (again.event.operator, again.event.parts, again.event.stay) == ("fjord", (2, 3), True)


async def test_a_part_that_is_closed_later_goes_where_the_first_one_was_taken(
    live: Live, smsc: Smsc, letters: Letters, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "MOST", 1)
    first, there, broom = live(), live(operator="tinde"), Broom(database)
    await unanswered(first, smsc, received(letters.order("y" * 200)))

    await broom.sweep(DUE)
    (to_tinde,) = await route(letters.sealer, broom.broker.outputs, "tinde")
    await there.start([to_tinde])
    await there.handle([to_tinde])
    await there.until_finished(1)
    await broom.sweep()
    (once_more,) = broom.returned()[1:]
    (follows,) = await route(letters.sealer, broom.broker.outputs[1:], "fjord")

    assert (once_more.operator, once_more.stay) == ("tinde", True)
    assert follows.event.operator == "tinde"


async def test_a_message_of_which_nothing_was_taken_may_go_to_another_operator(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    broom = Broom(database)
    await unanswered(live(), smsc, received(letters.order("y" * 400)))

    await broom.sweep(DUE)
    (returned,) = broom.returned()
    (again,) = await route(letters.sealer, broom.broker.outputs, "tinde")

    assert (returned.parts, returned.stay) == ((1, 2, 3), False)
    assert again.event.operator == "tinde"


async def test_a_row_that_cannot_be_read_is_set_aside_for_an_hour_and_keeps_nobody_from_the_others(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    broom = Broom(database)
    await unanswered(live(), smsc, received(letters.order()))
    await database.unknowns.insert_one({"_id": "m:1:1", "due_at": datetime.now(UTC), "parts": "none"})

    assert await broom.sweep(DUE) == 2
    assert await broom.sweep(3500.0) == 0
    assert await broom.sweep(101.0) == 1

    assert len(broom.returned()) == 1
    assert broom.registry.get_sample_value("budstikke_sweeper_rows_unreadable_total") == 2


async def test_a_replay_of_what_was_closed_sends_nothing_and_is_finished(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    first, second, broom = live(), live(), Broom(database)
    order = received(letters.order())
    await unanswered(first, smsc, order)
    await first.die()
    await broom.sweep(DUE)

    await second.start([order])
    await second.handle([order])
    await second.until_finished(1)

    assert second.broker.outputs == []
    assert len(smsc.submits) == 1
    assert await database.unknowns.count_documents({}) == 0


async def test_a_return_that_was_routed_twice_is_sent_by_one_operator_and_the_other_order_is_dropped(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    first, here, there, broom = live(), live(), live(operator="tinde"), Broom(database)
    await unanswered(first, smsc, received(letters.order()))
    await first.die()
    await broom.sweep(DUE)
    (to_fjord,) = await route(letters.sealer, broom.broker.outputs, "fjord")
    (to_tinde,) = await route(letters.sealer, broom.broker.outputs, "tinde")

    await there.start([to_tinde])
    await there.handle([to_tinde])
    await there.until_finished(1)
    await here.start([to_fjord])
    await here.handle([to_fjord])
    await here.until_finished(1)

    assert there.broker.kinds() == ["1:2:submitted"]
    assert here.broker.outputs == []
    assert smsc.texts == ["hei", "hei"]


async def test_a_return_told_again_after_the_validity_ends_nothing_that_its_first_copy_got_taken(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    """A sweeper that dies behind its telling is followed by one that tells the same, when it is too late to send."""
    first, there, here, broom = live(), live(operator="tinde"), live(), Broom(database)
    await unanswered(first, smsc, received(letters.order("y" * 400)))
    await first.die()
    await broom.sweep(DUE)
    (to_tinde,) = await route(letters.sealer, broom.broker.outputs, "tinde")
    await there.start([to_tinde])
    await there.handle([to_tinde])
    await there.until_finished(1)

    again = await route(letters.sealer, broom.broker.outputs, "tinde", later=7200.0)
    here.clock.pushed += 7200.0
    await here.start(again)
    await here.handle(again)
    await here.until_finished(1)

    assert there.broker.kinds() == ["1:2:submitted", "2:2:submitted", "3:2:submitted"]
    assert here.broker.outputs == []


async def test_a_predecessor_that_lives_may_still_bring_its_answer_until_the_response_timeout_is_over(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    old, new = live(), live()
    smsc.silent = True
    order = received(letters.order())
    await old.start([order])
    await old.handle([order])
    await wait_until(lambda: len(smsc.kept) == 1)
    await old.leases.give_up(partitions([order]))
    await inherits(new, order)

    smsc.answer_kept()
    await new.until_finished(1)

    assert {*old.broker.kinds(), *new.broker.kinds()} == {"1:1:submitted"}
    assert len(new.inherited) == 0


async def test_what_is_settled_stays_before_what_a_predecessor_left_open_until_that_is_closed(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    """Read from the ledger as soon as the lease is taken: the record may come much later."""
    old, new = live(), live()
    smsc.silent = True
    order, later = received(letters.order()), received(letters.order())
    await old.start([order])
    await old.handle([order])
    await wait_until(lambda: len(smsc.kept) == 1)
    await old.die()
    smsc.silent = False
    intent = await database.intents.find_one()
    assert intent is not None

    await new.start([order])
    await wait_until(lambda: new.inherited.owed == 1)
    await new.handle([later])
    await new.until_finished(1)
    assert new.leases.settled_before() == intent["at"]

    await new.handle([order])
    await wait_until(lambda: len(new.inherited) == 1)
    new.clock.pushed += 31.0
    await wait_until(lambda: new.inherited.owed == 0)
    assert new.leases.settled_before() > intent["at"]


async def test_what_is_left_open_is_found_by_its_time(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    life = live()
    await life.ledger.prepare()

    plan = await database.intents.find({"at": {"$gte": datetime.now(UTC)}, "lease": "l", "epoch": {"$lt": 2}}).explain()

    assert plan["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "kept"


async def test_what_was_inherited_is_given_back_when_the_partition_goes(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    old, new = live(), live()
    order = received(letters.order())
    await dies_before_the_answer(old, smsc, order)
    await inherits(new, order)

    new.closing = True
    await wait_until(lambda: new.given_back == [order.event.message.message_id])

    assert new.broker.outputs == []


def _spy(call, before):  # type: ignore[no-untyped-def]
    async def spied(rows):  # type: ignore[no-untyped-def]
        before(rows)
        await call(rows)

    return spied
