"""Answers become proof."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs

from services.retention.api.views import order_view
from services.retention.hold import Reason
from services.retention.order import SERVICES, OrderState
from shared.contracts.privacy import Basis, OrderId
from shared.contracts.words import AccountState
from shared.money.periods import OSLO
from shared.privacy.keys import TIMELESS, Quarter, quarter_of
from shared.privacy.proof import Outcome, faults
from tests.integration.retention.conftest import ACCOUNT, NIGHT, Retention

NUMBER = "+4790000001"


async def test_an_order_is_finished_when_everybody_has_answered_and_forgets_the_person_then(
    retention: Retention,
) -> None:
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    await retention.answer(order.order_id, *SERVICES[:-1])
    await retention.answer(order.order_id, SERVICES[-1], complete=False)
    assert await retention.chain.after(0, 10) == []
    await retention.answer(order.order_id, SERVICES[-1])
    await retention.answer(order.order_id, *SERVICES)
    (record,) = await retention.chain.after(0, 10)
    assert (record.claim.outcome, record.claim.counts["dlr"]) == (Outcome.COMPLETE, {"rows": (3, 1)})
    done = await retention.commands.order(order.order_id)
    assert (done.state, done.event) == (OrderState.FINISHED, None)
    assert order.event is not None
    rows = [row async for row in retention.mongo.database.orders.find()] + [
        row async for row in retention.mongo.database.proof.find()
    ]
    assert not any(pseudonym in str(rows) for pseudonym in order.event.pseudonyms)


async def test_an_order_that_is_overdue_is_partial_until_the_last_has_answered(retention: Retention) -> None:
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    await retention.answer(order.order_id, "dlr")
    await retention.proving.look()
    retention.clock.advance(timedelta(hours=25).total_seconds())
    await retention.proving.look()
    await retention.proving.look()
    assert (await retention.commands.order(order.order_id)).state is OrderState.PARTIAL
    await retention.answer(order.order_id, *SERVICES)
    outcomes = [record.claim.outcome for record in await retention.chain.after(0, 10)]
    assert outcomes == [Outcome.PARTIAL, Outcome.COMPLETE]
    assert (await retention.commands.order(order.order_id)).state is OrderState.FINISHED


async def test_an_answer_to_what_nobody_ordered_leaves_no_record_and_an_alarm(retention: Retention) -> None:
    with capture_logs() as lines:
        await retention.answer(OrderId("erase-acme-2026-11-23-5f0c"), *SERVICES)
    assert {line["event"] for line in lines if line["log_level"] == "error"} == {"privacy_answer_unasked"}
    assert await retention.chain.after(0, 10) == []
    assert await retention.store.orders({}) == []


async def test_no_record_says_partial_behind_complete(retention: Retention, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last answer comes between the look that finds the order overdue and its record."""
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    retention.clock.advance(timedelta(hours=25).total_seconds())
    overdue = await retention.store.overdue(retention.clock.now())
    await retention.answer(order.order_id, *SERVICES)
    monkeypatch.setattr(retention.store, "overdue", AsyncMock(return_value=overdue))
    await retention.proving.look()
    assert [record.claim.outcome for record in await retention.chain.after(0, 10)] == [Outcome.COMPLETE]
    assert (await retention.commands.order(order.order_id)).state is OrderState.FINISHED


async def test_an_order_shows_the_hash_of_its_newest_record(retention: Retention) -> None:
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    retention.clock.advance(timedelta(hours=25).total_seconds())
    shown = []
    for act in (retention.proving.look(), retention.answer(order.order_id, *SERVICES)):
        await act
        shown.append(order_view(await retention.commands.order(order.order_id)).proof)
    assert shown == [record.hash for record in await retention.chain.after(0, 10)]


async def test_records_that_are_added_at_once_hang_together_and_a_tampered_one_is_found(retention: Retention) -> None:
    numbers = [f"+479000000{index}" for index in range(5)]
    orders = [await retention.commands.erase(ACCOUNT, number, Basis.REQUEST, "key") for number in numbers]
    await asyncio.gather(*(retention.answer(order.order_id, *SERVICES) for order in orders))
    assert list(faults(await retention.chain.after(0, 10))) == []
    await retention.mongo.database.proof.update_one({"_id": 3}, {"$set": {"claim.held": 7}})
    assert [(fault.number, fault.code) for fault in faults(await retention.chain.after(0, 10))] == [(3, "changed")]


async def purged(retention: Retention) -> tuple[int, int]:
    """A night's purge of the account, carried out by everybody: what its record says of keys."""
    await retention.ordering.order_night()
    night = retention.clock.now().astimezone(OSLO).date()
    await retention.answer(OrderId(f"purge-{ACCOUNT}-{night}"), *SERVICES)
    (record,) = [one for one in await retention.chain.after(0, 50) if one.claim.order_id == f"purge-{ACCOUNT}-{night}"]
    return record.claim.counts["retention"]["keys"]


async def test_a_purge_destroys_the_keys_of_quarters_that_ended_before_its_time(retention: Retention) -> None:
    retention.tell("acme")
    cut = quarter_of(NIGHT) - 6
    for quarter in (TIMELESS, cut - 2, cut - 1, cut, cut + 1):
        retention.keys.sealing_key(ACCOUNT, Quarter(quarter))
    hold = await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    assert await purged(retention) == (0, 2)
    await retention.commands.close_hold(hold.hold_id, "key")
    retention.clock.advance(timedelta(days=1).total_seconds())
    assert await purged(retention) == (2, 0)
    left = [quarter for quarter, lives in retention.keys.quarters(ACCOUNT).items() if lives]
    assert left == [TIMELESS, cut, cut + 1]
    retention.clock.advance(timedelta(days=1).total_seconds())
    assert await purged(retention) == (2, 0)


async def test_the_key_of_no_time_goes_with_the_account(retention: Retention) -> None:
    retention.keys.sealing_key(ACCOUNT, TIMELESS)
    retention.tell("acme", AccountState.CLOSED, NIGHT - timedelta(days=85))
    assert await purged(retention) == (1, 0)
    assert retention.keys.opening_key(ACCOUNT, TIMELESS) is None
