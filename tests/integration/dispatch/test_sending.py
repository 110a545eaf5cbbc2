"""A part on its way: intent, PDU, outcome, fact, finish."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.dispatch.sender import lane, parts
from shared.contracts.events import DispatchOrdered
from shared.contracts.words import FactKind, Lane
from shared.errors import BadRecord
from shared.privacy.keys import Quarter
from shared.smpp.constants import ESME_RINVDSTADR, ESME_RMSGQFUL, ESME_RTHROTTLED
from tests.integration.dispatch.conftest import Live
from tests.integration.dispatch.rig import Smsc
from tests.support import wait_until
from tests.unit.dispatch.building import Letters, received

LONG = "x" * 400


async def test_every_effect_comes_after_the_one_it_depends_on(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    smsc.steps = life.steps
    order = received(letters.order("hei"))
    message_id = order.event.message.message_id

    await life.start([order])
    await life.handle([order])
    await life.until_finished(1)

    assert life.steps == [
        ("intent", f"{message_id}:1:1"),
        ("pdu", "hei"),
        ("submitted", f"{message_id}:1:1"),
        ("fact", f"{message_id}:1:1:submitted"),
        ("finish", message_id),
    ]


async def test_a_record_is_finished_once_when_all_its_parts_are(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    order = received(letters.order(LONG))
    await life.start([order])

    await life.handle([order])
    await life.until_finished(1)

    assert len(smsc.submits) == 3
    assert sorted(life.broker.kinds()) == ["1:1:submitted", "2:1:submitted", "3:1:submitted"]
    assert life.finished == [order.event.message.message_id]
    fact = life.broker.facts[0]
    assert (fact.operator, fact.link, fact.route_id, fact.parts, fact.country) == (
        "fjord",
        "fjord-1",
        "+47>fjord",
        3,
        "NO",
    )
    assert {fact.operator_id for fact in life.broker.facts} == {"1", "2", "3"}


async def test_only_the_parts_that_are_asked_for_are_sent(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    order = received(letters.order(LONG, parts=(2,), attempt=3))
    await life.start([order])

    await life.handle([order])
    await life.until_finished(1)

    assert life.broker.kinds() == ["2:3:submitted"]
    assert smsc.submits[0].short_message[5] == 2


async def test_a_part_that_the_message_has_not_harms_no_other_record(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    good, bad = received(letters.order("good")), received(letters.order("bad", parts=(2,)))
    await life.start([good, bad])

    with pytest.raises(BadRecord):
        await life.handle([good, bad])

    assert smsc.submits == []
    assert await life.ledger.rows.intents.count_documents({}) == 0


async def test_a_refusal_is_told_with_the_operators_status(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    smsc.statuses = [ESME_RINVDSTADR]
    order = received(letters.order())
    await life.start([order])

    await life.handle([order])
    await life.until_finished(1)

    (fact,) = life.broker.facts
    assert (fact.kind, fact.status, fact.code, fact.operator_id) == (
        FactKind.REFUSED,
        ESME_RINVDSTADR,
        "operator_refused",
        None,
    )


@pytest.mark.parametrize("busy", [ESME_RTHROTTLED, ESME_RMSGQFUL])
async def test_a_busy_operator_gets_the_part_again_as_the_next_attempt(
    live: Live, smsc: Smsc, letters: Letters, busy: int
) -> None:
    life = live()
    smsc.statuses = [busy]
    order = received(letters.order())
    await life.start([order])

    await life.handle([order])
    await life.until_finished(1)

    assert life.broker.kinds() == ["1:2:submitted"]
    assert len(smsc.submits) == 2
    assert await life.ledger.unresolved() == 0


async def test_a_throttled_crowd_all_arrives_and_nothing_of_it_fails(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live(window=5)
    smsc.statuses = [0, ESME_RTHROTTLED, 0, ESME_RTHROTTLED, ESME_RTHROTTLED, ESME_RTHROTTLED]
    orders = [received(letters.order(f"m{number}")) for number in range(20)]
    await life.start(orders)

    await life.handle(orders)
    await life.until_finished(20)

    assert {fact.kind for fact in life.broker.facts} == {FactKind.SUBMITTED}
    assert len(life.broker.facts) == 20
    assert len(smsc.submits) == 24


async def test_no_more_than_u_parts_are_ever_unresolved(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live(window=3, most_unresolved=5)
    smsc.silent = True
    orders = [received(letters.order(f"m{number}")) for number in range(12)]
    await life.start(orders)
    handling = asyncio.create_task(life.handle(orders))
    most = 0

    async def looked() -> bool:
        nonlocal most
        most = max(most, await life.ledger.unresolved())
        smsc.answer_kept()
        return len(life.finished) == 12

    await wait_until(looked)
    await handling

    assert most <= 5
    assert smsc.most_open <= 3
    assert sorted(smsc.texts) == sorted(f"m{number}" for number in range(12))


async def test_three_lanes_share_one_link_and_its_bound(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live(window=4, most_unresolved=6)
    lanes = {
        lane: [received(letters.order(f"{lane[0]}{number}", lane=lane, partition=number % 4)) for number in range(20)]
        for lane in Lane
    }
    everything = [order for orders in lanes.values() for order in orders]
    await life.start(everything)
    most = 0

    async def watch() -> None:
        nonlocal most
        while len(life.finished) < 60:
            most = max(most, life.settler.unresolved)
            await asyncio.sleep(0)

    async with asyncio.timeout(20):
        await asyncio.gather(watch(), *(life.handle(orders) for orders in lanes.values()))

    assert most <= 6
    assert sorted(smsc.texts) == sorted(f"{lane[0]}{number}" for lane in Lane for number in range(20))
    assert len(set(life.broker.ids())) == 60


async def test_a_message_that_comes_twice_in_one_batch_is_sent_once(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    event = letters.order(LONG)
    twins = [received(event), received(event)]
    await life.start(twins)

    await life.handle(twins)
    await life.until_finished(2)

    assert len(smsc.submits) == 3
    assert len(set(life.broker.ids())) == 3


async def test_a_second_copy_waits_for_the_answer_to_the_first(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    smsc.silent = True
    event = letters.order()
    first, second, other = received(event), received(event), received(letters.order("other"))
    await life.start([first, other])
    await life.handle([first])
    handling = asyncio.create_task(life.handle([second]))
    await life.handle([other])
    await wait_until(lambda: len(smsc.kept) == 2)

    smsc.answer_kept()
    await handling
    await life.until_finished(3)

    assert sorted(smsc.texts) == ["hei", "other"]
    assert life.broker.kinds() == ["1:1:submitted"] * 3
    assert len(set(life.broker.ids())) == 2


async def test_both_copies_of_an_overdue_message_end(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    event = letters.order(valid_until=datetime.now(UTC))
    twins = [received(event), received(event)]
    await life.start(twins)

    await life.handle(twins)
    await life.until_finished(2)

    assert smsc.submits == []
    assert set(life.broker.kinds()) == {"1:1:expired"}


async def test_an_erased_message_ends_as_rejected_and_is_not_sent(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    gone = received(letters.order(LONG, requested_at=datetime(2025, 1, 2, tzinfo=UTC), valid_until=_later()))
    letters.keys.destroy(gone.event.message.account_id, Quarter(100))
    await life.start([gone])

    await life.handle([gone])
    await life.until_finished(1)

    assert life.broker.kinds() == ["1:1:rejected", "2:1:rejected", "3:1:rejected"]
    assert {fact.code for fact in life.broker.facts} == {"erased"}
    assert smsc.submits == []


async def test_what_cannot_be_encoded_ends_and_holds_nobody_up(
    live: Live, smsc: Smsc, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = live()
    orders = [received(letters.order("bad")), received(letters.order("good"))]
    await life.start(orders)
    _spoil(monkeypatch)

    await life.handle(orders)
    await life.until_finished(2)

    assert smsc.texts == ["good"]
    assert sorted(fact.kind for fact in life.broker.facts) == ["refused", "submitted"]


async def test_an_empty_operator_id_is_none(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    smsc.answer_id = lambda number: b""
    order = received(letters.order())
    await life.start([order])

    await life.handle([order])
    await life.until_finished(1)

    assert life.broker.facts[0].operator_id is None


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def _spoil(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the text "bad" an address that no PDU can carry."""

    def plan(order: DispatchOrdered, number: str, text: str, long_messages: parts.LongMessages) -> Sequence[parts.Part]:
        planned = parts.plan(order, number, text, long_messages)
        if text != "bad":
            return planned
        return [
            parts.Part(part.number, msgspec.structs.replace(part.pdu, source_addr=b"a\0b"))
            for part in planned
            if part.pdu is not None
        ]

    monkeypatch.setattr(lane, "plan", plan)
