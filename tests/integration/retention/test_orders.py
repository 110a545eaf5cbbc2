"""What is ordered, when, and by whom."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from services.retention.hold import Reason
from services.retention.order import SERVICES, OrderState
from shared.contracts.privacy import Basis, LegalHoldChanged, OrderKind, PrivacyOrdered
from shared.contracts.words import AccountState
from shared.errors import Refused, TryLater
from shared.ids import AccountId
from shared.privacy.pseudonyms import Pseudonyms
from tests.integration.retention.conftest import ACCOUNT, NIGHT, Retention

NUMBER = "+4790000001"


async def test_each_night_every_account_and_the_gateway_are_purged_once_however_many_processes_order(
    retention: Retention,
) -> None:
    retention.tell("acme")
    retention.tell("nord")
    made = await asyncio.gather(retention.ordering.order_night(), retention.another().order_night())
    assert sum(made) == 3
    await retention.ordering.publish()
    assert {event.account_id for event in retention.published} == {"acme", "nord", "gateway"}
    assert {event.before for event in retention.published} == {datetime(2025, 5, 22, 22, tzinfo=UTC)}
    assert await retention.ordering.order_night() == 0
    retention.clock.advance(86_400)
    assert await retention.ordering.order_night() == 3


async def test_nothing_is_ordered_before_the_hour_of_the_night(retention: Retention) -> None:
    retention.clock.advance(-2 * 3600)
    assert await retention.ordering.order_night() == 0


async def test_an_account_is_purged_by_its_own_period(retention: Retention) -> None:
    other = AccountId("other")
    retention.tell("acme")
    retention.tell("other")
    await retention.commands.set_policy(ACCOUNT, 3, None, "key")
    await retention.ordering.order_night()
    cut_offs = {ACCOUNT: datetime(2026, 8, 22, 22, tzinfo=UTC), other: datetime(2025, 5, 22, 22, tzinfo=UTC)}
    for account, before in cut_offs.items():
        (order,) = await retention.store.orders({"account_id": account})
        assert order.event is not None
        assert (order.event.before, order.basis) == (before, Basis.RETENTION)


async def test_a_period_that_is_made_longer_brings_nothing_back(retention: Retention) -> None:
    retention.tell("acme")
    await retention.commands.set_policy(ACCOUNT, 3, None, "key")
    await retention.ordering.order_night()
    (order,) = await retention.store.orders({"account_id": ACCOUNT})
    await retention.commands.set_policy(ACCOUNT, 18, None, "key")
    await retention.ordering.order_night()
    assert await retention.store.orders({"account_id": ACCOUNT}) == [order]
    retention.clock.advance(timedelta(days=1).total_seconds())
    await retention.ordering.order_night()
    assert len(await retention.store.orders({"account_id": ACCOUNT})) == 2
    assert await retention.store.orders({"_id": order.order_id}) == [order]


async def test_a_period_can_be_looked_at_before_it_is_set_and_says_what_would_go(retention: Retention) -> None:
    policy = await retention.commands.set_policy(ACCOUNT, 3, None, "key", dry_run=True)
    before = retention.commands.deletes_before(policy)
    assert (await retention.store.policy(ACCOUNT)).months == 18
    with pytest.raises(Refused):
        await retention.commands.set_policy(ACCOUNT, 2, None, "key", dry_run=True)
    await retention.commands.set_policy(ACCOUNT, 3, None, "key")
    retention.tell("acme")
    retention.clock.advance(timedelta(days=1).total_seconds())
    await retention.ordering.order_night()
    (order,) = await retention.store.orders({"account_id": ACCOUNT})
    assert order.event is not None
    assert order.event.before == before


async def test_of_an_account_that_was_closed_everything_goes_in_time(retention: Retention) -> None:
    retention.tell("acme", AccountState.CLOSED, NIGHT - timedelta(days=85))
    await retention.commands.set_policy(ACCOUNT, 120, "the insurance act", "key")
    await retention.ordering.order_night()
    (order,) = await retention.store.orders({"account_id": ACCOUNT})
    assert order.event is not None
    assert (order.event.before, order.basis) == (datetime(2026, 11, 22, 23, tzinfo=UTC), Basis.END_OF_RELATION)


async def test_a_person_is_erased_by_all_pseudonyms_and_the_number_is_kept_nowhere(retention: Retention) -> None:
    pseudonyms = Pseudonyms(retention.keys)
    known = tuple(pseudonyms.in_year(ACCOUNT, NUMBER, year) for year in (2025, 2026))
    order = await retention.commands.erase(ACCOUNT, "+47 900 00 001", Basis.REQUEST, "key")
    again = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    assert order == again
    await retention.ordering.publish()
    (event,) = retention.published
    assert (event.kind, event.pseudonyms, event.basis) == (OrderKind.ERASE, known, Basis.REQUEST)
    row = await retention.mongo.database.orders.find_one({"_id": order.order_id})
    assert "90000001" not in str(row)


async def test_what_is_asked_for_again_later_is_a_new_order_for_what_came_since(retention: Retention) -> None:
    first = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    await retention.answer(first.order_id, *SERVICES)
    retention.clock.advance(3600)
    second = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    assert (second.state, second.event is not None) == (OrderState.OPEN, True)
    assert second.order_id != first.order_id
    assert second.ordered_at == NIGHT + timedelta(hours=1)


async def test_who_wrote_from_a_fixed_line_is_erased_too(retention: Retention) -> None:
    order = await retention.commands.erase(ACCOUNT, "22 22 55 55", Basis.REQUEST, "key")
    assert order.event is not None
    assert order.event.pseudonyms == (Pseudonyms(retention.keys).in_year(ACCOUNT, "+4722225555", 2026),)


async def test_what_was_answered_before_it_was_noted_as_published_is_not_published_again(retention: Retention) -> None:
    first = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")

    async def written_and_not_noted() -> None:
        await retention.answer(first.order_id, *SERVICES)
        raise TryLater("kafka_send_timeout", "written, and its acknowledgement was lost")

    retention.meanwhile.append(written_and_not_noted)
    with pytest.raises(TryLater):
        await retention.ordering.publish()
    assert await retention.store.unpublished() == []
    retention.clock.advance(3600)
    second = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    await retention.mongo.database.orders.update_one({"_id": first.order_id}, {"$set": {"unpublished": True}})
    await retention.ordering.publish()
    assert [event.order_id for event in retention.published] == [second.order_id]
    assert await retention.store.unpublished() == []


async def test_a_number_that_is_none_is_refused_without_being_quoted(retention: Retention) -> None:
    with pytest.raises(Refused) as refused:
        await retention.commands.erase(ACCOUNT, "4711", Basis.REQUEST, "key")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/number", "invalid_number")]
    assert "4711" not in str(refused.value.errors)


async def test_an_erasure_of_somebody_under_a_hold_is_refused_and_recorded(retention: Retention) -> None:
    await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    assert order.state is OrderState.WITHHELD
    assert await retention.ordering.publish() == 0
    await retention.proving.look()
    await retention.proving.look()
    (record,) = await retention.chain.after(0, 10)
    assert (record.claim.order_id, record.claim.outcome) == (order.order_id, "withheld")


async def test_a_purge_leaves_alone_who_is_under_a_hold_and_a_held_account_altogether(retention: Retention) -> None:
    retention.tell("acme")
    retention.tell("nord")
    person = await retention.commands.open_hold(ACCOUNT, Reason.CRIMINAL_SUSPICION, NUMBER, "key")
    hold = await retention.commands.open_hold(retention.accounts.all()[1].account_id, Reason.DISPUTE, None, "key")
    await retention.ordering.order_night()
    await retention.ordering.publish()
    held = {event.account_id: event.held for event in retention.published}
    assert held == {"gateway": (), ACCOUNT: person.pseudonyms}
    retention.published.clear()
    await retention.commands.close_hold(hold.hold_id, "key")
    await retention.commands.close_hold(hold.hold_id, "key")
    await retention.ordering.publish()
    assert [event.account_id for event in retention.published] == ["nord"]


async def test_an_erasure_that_a_hold_withheld_is_ordered_when_the_hold_is_closed(retention: Retention) -> None:
    hold = await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    await retention.proving.look()
    retention.clock.advance(timedelta(days=100).total_seconds())
    await retention.commands.close_hold(hold.hold_id, "key")
    await retention.ordering.publish()
    (event,) = [event for event in retention.published if event.kind is OrderKind.ERASE]
    assert (event.order_id, event.ordered_at, event.pseudonyms) == (order.order_id, NIGHT, hold.pseudonyms)
    await retention.proving.look()
    again = await retention.commands.order(order.order_id)
    assert (again.state, again.finished_at) == (OrderState.OPEN, None)
    await retention.answer(order.order_id, *SERVICES)
    assert (await retention.commands.order(order.order_id)).state is OrderState.FINISHED
    outcomes = [record.claim.outcome for record in await retention.chain.after(0, 10)]
    assert outcomes == ["withheld", "complete"]


async def test_of_an_erasure_that_two_holds_withhold_the_first_to_be_closed_changes_nothing(
    retention: Retention,
) -> None:
    first = await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    await retention.commands.open_hold(ACCOUNT, Reason.CRIMINAL_SUSPICION, None, "key")
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    await retention.commands.close_hold(first.hold_id, "key")
    await retention.ordering.publish()
    assert (await retention.commands.order(order.order_id)).state is OrderState.WITHHELD


async def test_a_hold_is_told_to_every_owner_before_what_is_ordered_behind_it_and_stops_what_is_out(
    retention: Retention,
) -> None:
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    await retention.ordering.publish()
    hold = await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    await retention.ordering.publish()
    await retention.ordering.publish()
    (told,) = retention.holds
    assert (told.hold_id, told.pseudonyms, told.closed_at) == (hold.hold_id, hold.pseudonyms, None)
    assert (await retention.commands.order(order.order_id)).state is OrderState.WITHHELD
    await retention.commands.close_hold(hold.hold_id, "key")
    await retention.ordering.publish()
    assert (retention.holds[-1].pseudonyms, retention.holds[-1].closed_at) == ((), NIGHT)
    (closed,) = await retention.store.holds(closed=True)
    assert (closed.person, closed.pseudonyms) == (True, ())
    assert order.event is not None
    rows = [row async for row in retention.mongo.database.holds.find()]
    assert order.event.pseudonyms[0] not in str(rows)
    assert (await retention.commands.order(order.order_id)).state is OrderState.OPEN


async def test_what_is_ordered_behind_the_end_of_a_hold_goes_out_behind_it_even_if_it_ends_while_its_begin_is_told(
    retention: Retention,
) -> None:
    hold = await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    retention.meanwhile.append(lambda: retention.commands.close_hold(hold.hold_id, "key"))
    await retention.ordering.publish()
    opened, closed, *ordered = retention.in_order
    assert [told.closed_at for told in (opened, closed) if isinstance(told, LegalHoldChanged)] == [None, NIGHT]
    assert {event.kind for event in ordered if isinstance(event, PrivacyOrdered)} == {OrderKind.ERASE, OrderKind.PURGE}
    assert order.event in ordered


async def test_a_hold_that_stands_is_told_again_each_night(retention: Retention) -> None:
    await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    await retention.ordering.publish()
    await retention.ordering.order_night()
    await retention.ordering.publish()
    assert [hold.closed_at for hold in retention.holds] == [None, None]


@pytest.mark.parametrize(("days", "alarms"), [(182, 0), (183, 1)])
async def test_a_hold_that_was_forgotten_for_half_a_year_is_an_alarm_each_night(
    retention: Retention, days: int, alarms: int
) -> None:
    hold = await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    retention.clock.advance(timedelta(days=days).total_seconds())
    for _ in range(2):
        with capture_logs() as lines:
            await retention.another().order_night()
        told = [line["hold_id"] for line in lines if line["event"] == "legal_hold_old"]
        assert told == [hold.hold_id] * alarms


async def test_an_erasure_that_was_withheld_behind_the_end_of_its_hold_is_ordered_at_night(
    retention: Retention,
) -> None:
    retention.tell("acme")
    hold = await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    await retention.commands.close_hold(hold.hold_id, "key")
    await retention.ordering.publish()
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    await retention.store.withhold(order)  # as whoever read the holds before the end
    await retention.ordering.order_night()
    assert (await retention.commands.order(order.order_id)).state is OrderState.OPEN


async def test_a_hold_on_a_person_covers_what_the_years_after_it_bring(retention: Retention) -> None:
    retention.tell("acme")
    await retention.commands.open_hold(ACCOUNT, Reason.DISPUTE, NUMBER, "key")
    retention.clock.advance(3 * 365 * 86_400)
    later = Pseudonyms(retention.keys).of(ACCOUNT, NUMBER, retention.clock.now())
    assert later.startswith("2029:")
    await retention.ordering.order_night()
    await retention.ordering.publish()
    assert later in {event.account_id: event.held for event in retention.published}[ACCOUNT]
    order = await retention.commands.erase(ACCOUNT, NUMBER, Basis.REQUEST, "key")
    assert order.state is OrderState.WITHHELD


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"account_id": ACCOUNT},
        {"account_id": ACCOUNT, "kind": "erase"},
        {"state": "open"},
        {"account_id": ACCOUNT, "state": "open"},
    ],
)
async def test_no_list_of_orders_reads_or_sorts_them_all(retention: Retention, query: dict[str, str]) -> None:
    found = retention.mongo.database.orders.find(query).sort("ordered_at", -1).limit(200)
    plan = str((await found.explain())["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan
    assert "'stage': 'SORT'" not in plan
