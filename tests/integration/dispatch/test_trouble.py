"""The store, the broker, the link, the operator and the group misbehave while parts are on their way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.dispatch.sender import patience
from shared.contracts.words import FactKind
from shared.smpp.constants import ESME_ROK, ESME_RSYSERR
from tests.integration.dispatch.conftest import Live
from tests.integration.dispatch.rig import Life, Smsc, partitions
from tests.support import wait_until
from tests.unit.dispatch.building import Letters, received


@pytest.mark.parametrize("call", ["intend", "settle"])
@pytest.mark.parametrize("how", ["fail", "lose"])
async def test_the_store_is_away_for_a_moment_or_its_answer_is_lost(
    live: Live, smsc: Smsc, letters: Letters, call: str, how: str
) -> None:
    life = live()
    getattr(life.ledger.faults, how)[call] = 2
    orders = [received(letters.order(f"m{number}")) for number in range(3)]
    await life.start(orders)

    await life.handle(orders)
    await life.until_finished(3)

    assert sorted(smsc.texts) == ["m0", "m1", "m2"]
    assert life.broker.kinds() == ["1:1:submitted"] * 3
    assert await life.ledger.unresolved() == 0


async def test_the_broker_is_away_and_the_fact_is_told_when_it_is_back(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    life.broker.away = True
    order = received(letters.order())
    await life.start([order])
    await life.handle([order])
    await wait_until(lambda: life.broker.refused >= 2)
    assert life.finished == []

    life.broker.away = False
    await life.until_finished(1)

    assert life.broker.kinds() == ["1:1:submitted"]


async def test_the_link_drops_with_parts_in_flight_and_they_are_unknown(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    smsc.silent = True
    orders = [received(letters.order(f"m{number}")) for number in range(3)]
    await life.start(orders)
    await life.handle(orders)
    await wait_until(lambda: len(smsc.submits) == 3)

    smsc.drop()
    await life.until_finished(3)

    assert life.broker.kinds() == ["1:1:unknown"] * 3
    assert len(smsc.submits) == 3


async def test_what_had_no_intent_is_sent_when_the_link_is_back(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live(window=2, most_unresolved=2)
    smsc.silent = True
    orders = [received(letters.order(f"m{number}")) for number in range(6)]
    await life.start(orders)
    handling = asyncio.create_task(life.handle(orders))
    await wait_until(lambda: len(smsc.submits) == 2)

    smsc.silent = False
    smsc.drop()
    await handling
    await life.until_finished(6)

    assert sorted(smsc.texts) == [f"m{number}" for number in range(6)]
    assert sorted(life.broker.kinds()) == ["1:1:submitted"] * 4 + ["1:1:unknown"] * 2


async def test_an_operator_that_pauses_gets_what_was_withheld_exactly_once(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    """The window is full, and the intents that wait for a slot grow older than two seconds."""
    life = live(window=2, most_unresolved=5)
    smsc.silent = True
    orders = [received(letters.order(f"m{number}")) for number in range(5)]
    await life.start(orders)
    handling = asyncio.create_task(life.handle(orders))
    await wait_until(lambda: len(smsc.submits) == 2)
    life.clock.pushed = 3.0

    smsc.silent = False
    await wait_until(lambda: _row_count(life, "withheld") == 3)
    smsc.answer_kept()
    await handling
    await life.until_finished(5)

    assert sorted(smsc.texts) == [f"m{number}" for number in range(5)]
    assert sorted(life.broker.kinds()) == ["1:1:submitted"] * 2 + ["1:2:submitted"] * 3
    assert await life.ledger.unresolved() == 0


async def test_a_stalled_operator_costs_no_rows_while_it_stalls(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live(window=2, most_unresolved=4)
    smsc.silent = True
    orders = [received(letters.order(f"m{number}")) for number in range(4)]
    await life.start(orders)
    handling = asyncio.create_task(life.handle(orders))
    await wait_until(lambda: len(smsc.submits) == 2)

    for _ in range(5):
        life.clock.pushed += 3.0
        await wait_until(lambda: _row_count(life, "withheld") == 2)

    assert life.ledger.faults.calls.count("intend") == 1
    smsc.silent = False
    smsc.answer_kept()
    await handling
    await life.until_finished(4)


async def test_no_answer_in_time_is_unknown_and_a_late_answer_closes_it(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live(response_timeout=0.2)
    smsc.silent = True
    order = received(letters.order())
    await life.start([order])
    await life.handle([order])
    await life.until_finished(1)
    assert life.broker.kinds() == ["1:1:unknown"]

    smsc.answer_kept()
    await wait_until(lambda: life.broker.kinds() == ["1:1:unknown", "1:1:submitted"])

    assert life.broker.facts[1].operator_id == "1"
    assert len(life.finished) == 1


async def test_validity_that_passes_while_the_link_is_down_ends_the_part_without_an_intent(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    port = smsc.port
    await smsc.stop()
    soon = datetime.now(UTC) + timedelta(minutes=1)
    orders = [received(letters.order("kept")), received(letters.order("late", valid_until=soon))]
    await life.start(orders, bound=False)
    handling = asyncio.create_task(life.handle(orders))
    await wait_until(lambda: life.leases.missing == 0)
    life.clock.pushed = 120.0
    life.leases._wake.set()
    await life.until_finished(1)

    assert life.broker.kinds() == ["1:1:expired"]
    assert await life.ledger.rows.intents.count_documents({}) == 0
    await smsc.start(port)
    await handling
    await life.until_finished(2)
    assert smsc.texts == ["kept"]


async def test_asked_to_stop_while_the_link_is_down_it_leaves_what_is_not_begun_to_its_successor(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life, successor = live(window=2, most_unresolved=2), live()
    smsc.silent = True
    orders = [received(letters.order(f"m{number}")) for number in range(6)]
    await life.start(orders)
    handling = asyncio.create_task(life.handle(orders))
    await wait_until(lambda: len(smsc.submits) == 2)
    port = smsc.port
    await smsc.stop()
    await life.until_finished(2)

    life.closing = True
    await asyncio.wait_for(handling, 5)
    assert len(life.given_back) == 4
    assert {*life.given_back, *life.finished} == {order.event.message.message_id for order in orders}
    assert await life.ledger.unresolved() == 0
    await life.leases.give_up(partitions(orders))

    smsc.silent = False
    await smsc.start(port)
    left = [order for order in orders if order.event.message.message_id in life.given_back]
    await successor.start(left)
    await successor.handle(left)
    await successor.until_finished(4)
    assert successor.broker.kinds() == ["1:1:submitted"] * 4


async def test_asked_to_stop_while_it_waits_for_a_lease_the_batch_is_left(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    holder, waiting = live(), live()
    order = received(letters.order())
    await holder.start([order])
    await wait_until(lambda: holder.leases.missing == 0)
    await waiting.start([order])
    handling = asyncio.create_task(waiting.handle([order]))
    await wait_until(lambda: waiting.leases.missing == 1)

    waiting.closing = True
    await asyncio.wait_for(handling, 5)

    assert waiting.given_back == [order.event.message.message_id]
    assert smsc.submits == []


async def test_without_its_lease_a_partition_sends_nothing(live: Live, smsc: Smsc, letters: Letters) -> None:
    holder, waiting = live(), live()
    order = received(letters.order())
    await holder.start([order])
    await wait_until(lambda: holder.leases.missing == 0)
    await waiting.start([order])
    handling = asyncio.create_task(waiting.handle([order]))
    await wait_until(lambda: waiting.leases.missing == 1)
    assert smsc.submits == []

    await holder.leases.give_up(partitions([order]))
    await handling
    await waiting.until_finished(1)

    assert len(smsc.submits) == 1


async def test_a_process_that_slept_beyond_its_lease_sends_nothing_until_it_has_it_again(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    order = received(letters.order())
    await life.start([order])
    await wait_until(lambda: life.leases.missing == 0)
    hold = life.ledger.faults.hold = asyncio.Event()
    handling = asyncio.create_task(life.handle([order]))
    await wait_until(lambda: "intend" in life.ledger.faults.calls)

    await life.ledger.rows.leases.update_many({}, {"$set": {"owner": "another", "epoch": 9}})
    life.clock.pushed = 60.0
    hold.set()
    await wait_until(lambda: _row_count(life, "withheld") == 1)
    assert smsc.submits == []
    await life.ledger.rows.leases.update_many({}, {"$unset": {"expires_at": ""}})
    await handling
    await life.until_finished(1)

    assert life.broker.kinds() == ["1:2:submitted"]


async def test_a_lease_lost_and_won_again_does_not_cover_an_older_intent(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    order = received(letters.order())
    await life.start([order])
    await wait_until(lambda: life.leases.missing == 0)
    hold = life.ledger.faults.hold = asyncio.Event()
    handling = asyncio.create_task(life.handle([order]))
    await wait_until(lambda: "intend" in life.ledger.faults.calls)

    await life.leases.give_up(partitions([order]))
    await life.leases.want(partitions([order]))
    await wait_until(lambda: life.leases.missing == 0)
    hold.set()
    await handling
    await life.until_finished(1)

    assert life.broker.kinds() == ["1:2:submitted"]


async def test_revoked_while_it_waits_for_a_lease_the_batch_lets_go(live: Live, smsc: Smsc, letters: Letters) -> None:
    holder, waiting = live(), live()
    order = received(letters.order())
    await holder.start([order])
    await wait_until(lambda: holder.leases.missing == 0)
    await waiting.start([order])
    handling = asyncio.create_task(waiting.handle([order]))
    await wait_until(lambda: waiting.leases.missing == 1)
    await asyncio.sleep(0)

    await waiting.leases.give_up(partitions([order]))
    await asyncio.wait_for(handling, 5)

    assert waiting.finished == []
    assert waiting.broker.outputs == []


async def test_a_cancelled_batch_leaves_nothing_open(live: Live, smsc: Smsc, letters: Letters) -> None:
    """Cancelled while its intents are being written: they are withheld or sent, and settled either way."""
    life, successor = live(), live()
    orders = [received(letters.order(f"m{number}")) for number in range(3)]
    await life.start(orders)
    await wait_until(lambda: life.leases.missing == 0)
    hold = life.ledger.faults.hold = asyncio.Event()
    handling = asyncio.create_task(life.handle(orders))
    await wait_until(lambda: "intend" in life.ledger.faults.calls)
    handling.cancel()
    await asyncio.gather(handling, return_exceptions=True)
    await life.leases.give_up(partitions(orders))
    hold.set()

    await wait_until(lambda: life.settler.unresolved == 0)
    assert await life.ledger.unresolved() == 0
    await successor.start(orders)
    await successor.handle(orders)
    await successor.until_finished(3)

    assert sorted(smsc.texts) == ["m0", "m1", "m2"]
    assert {fact.kind for fact in successor.broker.facts} == {FactKind.SUBMITTED}


async def test_a_throttled_part_of_a_partition_that_was_given_up_is_left_to_its_successor(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life, successor = live(), live()
    smsc.statuses = [0x58]
    order = received(letters.order())
    await life.start([order])
    await wait_until(lambda: life.leases.missing == 0)
    hold = asyncio.Event()
    await life.handle([order])
    life.ledger.faults.hold = hold
    await wait_until(lambda: "settle" in life.ledger.faults.calls)
    await life.leases.give_up(partitions([order]))
    hold.set()
    await wait_until(lambda: life.settler.unresolved == 0)

    await successor.start([order])
    await successor.handle([order])
    await successor.until_finished(1)

    assert successor.broker.kinds() == ["1:2:submitted"]
    assert life.finished == []
    assert len(smsc.submits) == 2


async def test_a_system_error_defers_a_part_and_one_that_it_always_hits_is_refused_while_others_go(
    live: Live, smsc: Smsc, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator fails over one text, and over no other."""
    monkeypatch.setattr(patience, "_FIRST", 0.005)
    monkeypatch.setattr(patience, "_LONGEST", 0.01)
    life = live()
    smsc.status_of = lambda text: ESME_RSYSERR if text == "poison" else ESME_ROK
    poison = received(letters.order("poison"))
    await life.start([poison])

    await life.handle([poison])
    told: dict[str, tuple[str, int | None]] = {}
    while poison.event.message.message_id not in told:
        other = received(letters.order("fine"))
        await life.handle([other])
        await wait_until(lambda message_id=other.event.message.message_id: message_id in life.finished)
        told = {fact.message_id: (fact.kind, fact.status) for fact in life.broker.facts}

    assert told.pop(poison.event.message.message_id) == ("refused", ESME_RSYSERR)
    assert set(told.values()) == {("submitted", None)}
    assert smsc.texts.count("poison") >= patience.MOST_FAULTS + 1


def _row_count(life: Life, kind: str) -> int:
    return sum(1 for step, _ in life.steps if step == kind)
