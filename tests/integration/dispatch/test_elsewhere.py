"""The link is down: what has not been begun goes to another operator that can be reached, and never to both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from services.dispatch.sender import news as sender_news
from services.dispatch.sender.ledger import Intent, Outcome, OutcomeKind, attempt_key
from shared.contracts.events import DispatchOrdered, LinkChanged
from shared.contracts.words import ReturnReason
from shared.kafka.record import Received
from shared.tasks import end
from tests.integration.dispatch.conftest import Live
from tests.integration.dispatch.rig import Broker, Life, Smsc
from tests.integration.dispatch.sweeping import returns_of, route
from tests.support import wait_until
from tests.unit.dispatch.building import Letters, received


async def cut_off(life: Life, smsc: Smsc, orders: Sequence[Received[DispatchOrdered]]) -> asyncio.Task[None]:
    """Handle orders while the operator cannot be reached, for longer than one waits for it."""
    await smsc.stop()
    await life.start(orders, bound=False)
    handling = asyncio.create_task(life.handle(orders))
    await wait_until(lambda: life.leases.missing == 0 and life.submitter._leaving._down_since is not None)
    life.clock.pushed += 6.0
    return handling


async def test_what_has_no_intent_comes_back_whole_and_another_operator_sends_it(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    here, there = live(), live(operator="tinde")
    order = received(letters.order("y" * 400))
    here.elsewhere = True
    port = smsc.port
    await (await cut_off(here, smsc, [order]))
    await here.until_finished(1)

    (returned,) = returns_of(here.broker)
    (routed,) = await route(letters.sealer, here.broker.outputs, "tinde")
    await smsc.start(port)
    await there.start([routed])
    await there.handle([routed])
    await there.until_finished(1)

    assert (returned.why, returned.attempt, returned.parts, returned.tried, returned.again) == (
        ReturnReason.LINK_DOWN,
        2,
        (1, 2, 3),
        ("fjord",),
        False,
    )
    assert routed.event.operator == "tinde"
    assert there.broker.kinds() == ["1:2:submitted", "2:2:submitted", "3:2:submitted"]
    assert here.broker.facts == []


async def test_what_goes_back_to_where_it_was_remembers_each_operator_once_the_last_one_last(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    life.elsewhere = True
    order = received(msgspec.structs.replace(letters.order(attempt=3), tried=("fjord", "tinde")))
    await (await cut_off(life, smsc, [order]))
    await life.until_finished(1)

    assert [returned.tried for returned in returns_of(life.broker)] == [("tinde", "fjord")]


async def test_without_another_operator_it_waits_and_goes_when_the_link_is_back(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    order = received(letters.order())
    port = smsc.port
    handling = await cut_off(life, smsc, [order])
    life.leases._wake.set()
    await smsc.start(port)
    await handling
    await life.until_finished(1)

    assert life.broker.kinds() == ["1:1:submitted"]


async def test_died_between_the_return_and_its_commit_the_next_says_the_same_and_sends_nothing(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    """The link is back by then: only the ledger keeps the successor from sending."""
    first, second = live(), live()
    order = received(letters.order("y" * 400))
    first.elsewhere = True
    port = smsc.port
    await (await cut_off(first, smsc, [order]))
    await first.until_finished(1)
    await first.die()

    await smsc.start(port)
    await second.start([order])
    await second.handle([order])
    await second.until_finished(1)

    assert second.broker.outputs == first.broker.outputs
    assert smsc.submits == []


async def test_died_between_intent_and_outcome_of_a_return_nothing_is_sent_and_it_is_unknown(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    first, second = live(), live()
    order = received(letters.order())
    first.elsewhere = True
    first.ledger.faults.fail["settle"] = 1_000
    port = smsc.port
    handling = await cut_off(first, smsc, [order])
    await wait_until(lambda: "settle" in first.ledger.faults.calls)
    await handling
    await first.die()

    await smsc.start(port)
    await second.start([order])
    await second.handle([order])
    await wait_until(lambda: len(second.inherited) == 1)
    second.clock.pushed += 31.0
    await second.until_finished(1)

    assert second.broker.kinds() == ["1:1:unknown"]
    assert returns_of(first.broker) == []
    assert smsc.submits == []


async def test_stopped_between_intent_and_outcome_of_a_return_it_is_returned_all_the_same(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    order = received(letters.order(never_twice=True))
    life.elsewhere = True
    life.ledger.faults.lose["intend"] = 1
    handling = await cut_off(life, smsc, [order])
    await wait_until(lambda: life.ledger.faults.lose["intend"] == 0)
    assert await life.ledger.unresolved() == 1

    await end(handling)
    await life.stop()

    assert [returned.attempt for returned in returns_of(life.broker)] == [2]
    assert await life.ledger.unresolved() == 0


async def test_of_a_message_that_was_begun_in_an_earlier_life_nothing_goes_elsewhere(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    order = received(letters.order("y" * 400))
    life.elsewhere = True
    key = attempt_key(order.event.message.message_id, 1, 1)
    at = order.event.ordered_at.replace(microsecond=0)
    await life.ledger.intend([Intent(key, f"{order.record.topic}:0", 0, "fjord-1", at)])
    await life.ledger.settle([Outcome(key, OutcomeKind.SUBMITTED, at, "fjord-1", "77")])
    port = smsc.port
    handling = await cut_off(life, smsc, [order])
    await wait_until(lambda: life.broker.kinds() == ["1:1:submitted"])

    assert returns_of(life.broker) == []
    await smsc.start(port)
    await handling
    await life.until_finished(1)
    assert sorted(life.broker.kinds()) == ["1:1:submitted", "2:2:submitted", "3:2:submitted"]


@pytest.mark.parametrize("stay", [True, False])
async def test_what_has_to_stay_or_is_a_part_of_a_message_stays(
    live: Live, smsc: Smsc, letters: Letters, stay: bool
) -> None:
    life = live()
    life.elsewhere = True
    stays = received(msgspec.structs.replace(letters.order("y" * 400, parts=(2,), attempt=2), stay=stay))
    leaves = received(letters.order("y" * 400, parts=(1, 2, 3), attempt=2))
    port = smsc.port
    handling = await cut_off(life, smsc, [stays, leaves])
    await life.until_finished(1)
    await smsc.start(port)
    await handling
    await life.until_finished(2)

    assert [returned.parts for returned in returns_of(life.broker)] == [(1, 2, 3)]
    assert life.broker.kinds() == ["2:2:submitted"]


async def test_a_link_is_told_when_it_stands_again_and_again_and_when_it_stays_down(
    live: Live, smsc: Smsc, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_news, "REPEATED", 0.02)
    monkeypatch.setattr(sender_news, "DOWN_SECONDS", 0.05)
    life = live()
    await life.start()
    await wait_until(lambda: len(news_of(life.said)) >= 3)

    await smsc.stop()
    await wait_until(lambda: not news_of(life.said)[-1])

    assert all(news_of(life.said)[:-1])


async def test_a_link_that_comes_back_at_once_is_not_told_down(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    await life.start()
    await wait_until(lambda: news_of(life.said) == [True])

    smsc.drop()
    await wait_until(lambda: life.link.up == 0)
    await wait_until(lambda: news_of(life.said) == [True, True])


def news_of(broker: Broker) -> list[bool]:
    return [event.up for event in broker.events if isinstance(event, LinkChanged)]
