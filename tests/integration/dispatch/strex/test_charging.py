"""Charges, codes, replies and reversals, from the order to what is told of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shared.contracts.premium import Billed, PremiumStatus
from shared.errors import BadRecord, TryLater
from shared.ids import AccountId
from shared.privacy.keys import quarter_of
from shared.privacy.pseudonyms import Pseudonyms
from shared.stores.mongodb import Database
from shared.strex.agreements import Agreements
from simulators.strex.profile import Profile, Scenario
from simulators.strex.transaction import State
from tests.integration.dispatch.strex.conftest import Live
from tests.integration.dispatch.strex.rig import Life, asked, story, struct_text
from tests.integration.strex.peers import Simulator
from tests.support import wait_until
from tests.unit.dispatch.building import Letters
from tests.unit.dispatch.strex.orders import ACCOUNT, AGREEMENT, NUMBER, TERMS, Orders, received, reversal

OTHER = AccountId("other")


async def test_a_charge_is_asked_for_once_and_told_until_it_is_billed(
    life: Life, simulator: Simulator, orders: Orders, database: Database
) -> None:
    order = orders.charge(content="Kvittering", reference="order-1")
    await life.handle(received(order))
    last = await life.until(order.transaction_id, "ok")
    assert story(life.events(order.transaction_id)) == ["queued:unknown", "ok:true"]
    assert (last.price, last.service_code, last.merchant_id) == (4200, "06002", "mer_test")
    assert (last.detail, last.result_code, last.delivered) == ("Delivered", "0", None)
    assert last.consent is not None
    assert last.consent.reference == "contract 7"
    assert (last.reference, last.pseudonym) == ("order-1", order.pseudonym)
    assert last.created_at is not None
    assert asked(simulator) == {order.transaction_id: 1}
    assert simulator.strex.ledger.totals().charged == 4200
    stored = await database.premium.find_one({"_id": order.transaction_id})
    assert stored is not None
    assert stored["event"]["consent"]["reference"] == "contract 7"
    for said in (str(stored), *map(struct_text, life.events(order.transaction_id))):
        assert NUMBER[3:] not in said
        assert "Kvittering" not in said


async def test_an_order_that_comes_again_is_not_asked_for_again(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    order = received(orders.charge())
    await life.handle(order, order)
    await life.until(order.event.transaction_id, "ok")
    await life.handle(order)
    assert asked(simulator) == {order.event.transaction_id: 1}
    assert len(life.finished) == 3
    assert len(life.broker.ids()) == len(set(life.broker.ids())) == 2


async def test_what_strex_refuses_is_told_with_its_code(life: Life, simulator: Simulator, orders: Orders) -> None:
    simulator.strex.ledger.profiles[NUMBER] = Profile(barred=True)
    order = orders.charge()
    await life.handle(received(order))
    last = await life.until(order.transaction_id, "failed")
    assert (last.billed, last.detail) == (Billed.FALSE, "SubscriberBarred")


async def test_a_reversal_is_told_with_a_negative_price_and_made_once(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "ok")
    back = received(reversal(order))
    await life.handle(back)
    await life.handle(back)
    last = await life.until(back.event.transaction_id, "reversed")
    assert (last.price, last.billed, last.reversal_of) == (-4200, Billed.TRUE, order.transaction_id)
    assert last.reason == "upheld_complaint"
    assert story(life.events(order.transaction_id))[-1] == "ok:true"
    totals = simulator.strex.ledger.totals()
    assert (totals.deletes, totals.reversed, totals.reversals) == (1, 4200, 1)


@pytest.mark.parametrize("waited", [timedelta(hours=2), timedelta(days=7)])
async def test_money_is_given_back_however_late(
    life: Life, simulator: Simulator, orders: Orders, waited: timedelta
) -> None:
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "ok")
    await life.handle(received(reversal(order, ordered_at=datetime.now(UTC) - waited)))
    last = await life.until(f"-{order.transaction_id}", "reversed", "refused")
    assert (last.status, last.billed) == (PremiumStatus.REVERSED, Billed.TRUE)
    assert simulator.strex.ledger.totals().reversals == 1


async def test_what_was_not_billed_is_not_given_back_until_it_is_and_is_asked_for_again(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    simulator.strex.ledger.profiles[NUMBER] = Profile(scenario=Scenario.ERROR)
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "failed")
    await life.handle(received(reversal(order)))
    last = await life.until(f"-{order.transaction_id}", "refused")
    assert (last.detail, last.billed) == ("declined_409", Billed.FALSE)
    simulator.strex.turn(order.transaction_id, State(status="Rebilled", detailed="Delivered", billed=True))
    await life.handle(received(reversal(order)))
    assert (await life.until(f"-{order.transaction_id}", "reversed")).billed is Billed.TRUE
    assert simulator.strex.ledger.totals().reversals == 1


async def test_what_was_given_back_by_others_is_found(life: Life, simulator: Simulator, orders: Orders) -> None:
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "ok")
    await simulator.strex.reverse(order.transaction_id)
    await life.handle(received(reversal(order)))
    assert (await life.until(f"-{order.transaction_id}", "reversed")).billed is Billed.TRUE
    assert simulator.strex.ledger.totals().reversals == 1


async def test_a_charge_that_nobody_made_cannot_be_given_back(life: Life, orders: Orders) -> None:
    order = orders.charge()
    await life.handle(received(reversal(order)))
    assert (await life.until(f"-{order.transaction_id}", "refused")).detail == "declined_404"


async def test_an_order_of_another_account_is_dropped_and_leaves_the_charge_refundable(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "ok")
    await life.handle(received(reversal(order, account_id=OTHER)))
    assert life.events(f"-{order.transaction_id}") == []
    assert (simulator.strex.ledger.totals().deletes, life.ordered("foreign", "reversal")) == (0, 1)
    await life.handle(received(reversal(order)))
    assert (await life.until(f"-{order.transaction_id}", "reversed")).account_id == ACCOUNT


@pytest.mark.parametrize("agreed", [True, False])
async def test_whoever_uses_the_id_of_another_accounts_code_does_not_spoil_it(
    live: Live, simulator: Simulator, orders: Orders, agreed: bool
) -> None:
    life = await live() if agreed else await live(agreements=Agreements([AGREEMENT]))
    password = orders.password()
    name = password.transaction_id
    await life.handle(received(password))
    await life.handle(received(orders.charge(transaction_id=name, code="1234", account_id=OTHER)))
    assert (life.events(name), life.ordered("foreign")) == ([], 1)
    await life.handle(received(orders.charge(transaction_id=name, code="1234")))
    end = await life.until(name, "ok", "refused")
    assert (end.account_id, end.billed) == (ACCOUNT, Billed.TRUE)
    await life.handle(received(orders.charge(transaction_id=name, account_id=OTHER)))
    assert simulator.strex.ledger.totals().charges == 1


@pytest.mark.parametrize("same_person", [True, False])
async def test_a_code_of_the_old_year_opens_its_charge_in_the_new_one(
    life: Life, orders: Orders, sealing: Letters, same_person: bool
) -> None:
    pseudonyms = Pseudonyms(sealing.keys)
    password = orders.password(pseudonym=pseudonyms.in_year(ACCOUNT, NUMBER, 2026))
    number = NUMBER if same_person else "+4798079009"
    charge = orders.charge(
        transaction_id=password.transaction_id,
        code="1234",
        number=number,
        pseudonym=pseudonyms.in_year(ACCOUNT, number, 2027),
    )
    await life.handle(received(password), received(charge))
    end = await life.until(password.transaction_id, "ok", "refused")
    assert end.detail == ("Delivered" if same_person else "terms_differ")


async def test_a_code_is_asked_for_and_opens_its_charge(live: Live, simulator: Simulator, orders: Orders) -> None:
    life = await live(seconds=30.0, patience=30.0)  # what is said at once: nobody looks after it meanwhile
    password = orders.password(content="Koden din:")
    await life.handle(received(password))
    assert [event.status for event in life.passwords(password.transaction_id)] == [PremiumStatus.OK]
    assert asked(simulator)
    order = orders.charge(transaction_id=password.transaction_id, code="1234")
    await life.handle(received(order))
    assert (await life.until(order.transaction_id, "ok")).billed is Billed.TRUE


async def test_a_wrong_code_charges_nothing(life: Life, simulator: Simulator, orders: Orders) -> None:
    password = orders.password()
    await life.handle(received(password), received(orders.charge(transaction_id=password.transaction_id, code="4321")))
    assert (await life.until(password.transaction_id, "failed")).detail == "OneTimePasswordFailed"
    assert simulator.strex.ledger.totals().charges == 0


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"terms": msgspec.structs.replace(TERMS, price=9900)}, "terms_differ"),
        ({"terms": msgspec.structs.replace(TERMS, age=18)}, "terms_differ"),
        ({"pseudonym": "2026:somebody-else"}, "terms_differ"),
    ],
)
async def test_a_code_is_good_for_what_it_was_asked_for_alone(
    life: Life, simulator: Simulator, orders: Orders, changes: dict[str, Any], detail: str
) -> None:
    password = orders.password()
    await life.handle(received(password))
    await life.handle(received(orders.charge(transaction_id=password.transaction_id, code="1234", **changes)))
    last = await life.until(password.transaction_id, "refused")
    assert (last.detail, last.billed) == (detail, Billed.FALSE)
    assert simulator.strex.ledger.totals().charges == 0


async def test_a_code_that_nobody_asked_for_opens_nothing(life: Life, orders: Orders) -> None:
    order = orders.charge(code="1234")
    await life.handle(received(order))
    assert (await life.until(order.transaction_id, "refused")).detail == "no_one_time_password"


async def test_a_charged_reply_is_sent_and_told(life: Life, simulator: Simulator, orders: Orders) -> None:
    order = orders.reply(keyword="BUSS")
    await life.handle(received(order))
    last = await life.until(order.transaction_id, "ok")
    assert (last.billed, last.delivered, last.operator) == (Billed.TRUE, True, "no.telenor")
    assert (last.inbound_id, last.keyword) == ("inbound-1", "BUSS")
    sent = simulator.strex.ledger.transactions[order.transaction_id]
    assert (sent.short_number, sent.content, sent.price) == ("2002", "Takk!", 4200)


async def test_an_erased_number_is_not_charged(
    life: Life, simulator: Simulator, orders: Orders, sealing: Letters
) -> None:
    order = orders.charge()
    sealing.keys.destroy(ACCOUNT, quarter_of(order.ordered_at))
    await life.handle(received(order))
    assert (await life.until(order.transaction_id, "refused")).detail == "erased"
    assert asked(simulator) == {}


async def test_an_order_that_waited_too_long_is_not_carried_out(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    order = orders.charge(now=datetime.now(UTC) - timedelta(hours=2))
    await life.handle(received(order))
    assert (await life.until(order.transaction_id, "refused")).detail == "too_late"
    assert asked(simulator) == {}


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({}, None),
        ({"merchant_id": "mer_other"}, "not_agreed"),
        ({"short_number": "2003"}, "not_agreed"),
        ({"service_code": "14002"}, "not_agreed"),
        ({"price": 4201}, "not_agreed"),
        ({"price": 99}, "not_agreed"),
        ({"service_code": "89001"}, "not_agreed"),
        ({"age": 18}, None),
        ({"age": 15}, "not_agreed"),
        ({"age": 21}, "not_agreed"),
    ],
)
async def test_a_charge_is_by_an_agreement_of_its_account_whatever_door_it_came_in_by(
    live: Live, simulator: Simulator, orders: Orders, changes: dict[str, Any], detail: str | None
) -> None:
    life = await live(agreements=Agreements([msgspec.structs.replace(AGREEMENT, most=4200)]))
    order = orders.reply(terms=msgspec.structs.replace(TERMS, **changes))
    await life.handle(received(order))
    end = await life.until(order.transaction_id, "ok", "refused")
    assert end.detail == (detail or "Delivered")
    assert len(asked(simulator)) == (detail is None)


async def test_without_agreements_nobody_is_charged(live: Live, simulator: Simulator, orders: Orders) -> None:
    life = await live(agreements=Agreements())
    order = orders.charge()
    await life.handle(received(order))
    end = await life.until(order.transaction_id, "refused")
    assert (end.detail, end.billed) == ("not_agreed", Billed.FALSE)
    assert asked(simulator) == {}


@pytest.mark.parametrize("missing", ["to", "pseudonym", "consent"])
async def test_an_order_that_lacks_something_is_a_bad_record_and_harms_no_other(
    life: Life, orders: Orders, missing: str
) -> None:
    good, bad = orders.charge(number="+4798079001"), orders.charge(**{missing: None})
    if missing == "to":
        bad = msgspec.structs.replace(bad, to=None)
    with pytest.raises(BadRecord, match="incomplete_order"):
        await life.handle(received(bad), received(good))
    assert life.finished == [good.transaction_id]


async def test_unknown_money_stays_open_and_is_told_when_it_is_known(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    simulator.strex.ledger.profiles[NUMBER] = Profile(scenario=Scenario.NEVER_KNOWN)
    order = orders.charge()
    await life.handle(received(order))
    last = await life.until(order.transaction_id, "sent")
    assert (last.billed, last.detail) == (Billed.UNKNOWN, "MissingDeliveryReport")
    simulator.strex.turn(order.transaction_id, State(status="Ok", detailed="Delivered", billed=True))
    assert (await life.until(order.transaction_id, "ok")).billed is Billed.TRUE


async def test_what_is_unknown_for_ninety_days_is_for_a_person_and_a_report_of_strex_still_settles_it(
    life: Life, simulator: Simulator, orders: Orders, database: Database
) -> None:
    simulator.strex.ledger.profiles[NUMBER] = Profile(scenario=Scenario.NEVER_KNOWN)
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "sent")
    old = {"event.ordered_at": datetime.now(UTC) - timedelta(days=91), "due_at": datetime.now(UTC)}
    await database.premium.update_one({"_id": order.transaction_id}, {"$set": old, "$inc": {"version": 1}})
    await wait_until(lambda: life.metrics.unsettled._value.get() == 1)
    row = await database.premium.find_one({"_id": order.transaction_id})
    assert row is not None
    assert (row.get("due_at"), row["event"]["billed"]) == (None, "unknown")
    simulator.behave(master_url=life.url)
    simulator.strex.turn(order.transaction_id, State(status="Failed", detailed="MnoError", billed=False))
    assert (await life.until(order.transaction_id, "failed")).billed is Billed.FALSE


async def test_a_failed_charge_that_is_billed_after_all_is_told(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    simulator.behave(master_url=life.url)
    simulator.strex.ledger.profiles[NUMBER] = Profile(scenario=Scenario.ERROR)
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "failed")
    simulator.strex.turn(order.transaction_id, State(status="Rebilled", detailed="Delivered", billed=True))
    assert (await life.until(order.transaction_id, "rebilled")).billed is Billed.TRUE
    assert story(life.events(order.transaction_id))[1] == "failed:false"


async def test_while_strex_is_away_orders_wait(
    life: Life, simulator: Simulator, orders: Orders, database: Database
) -> None:
    order = received(orders.charge())
    del simulator.authentication.keys["test"]
    with pytest.raises(TryLater, match="strex_answered_401"):
        await life.handle(order)
    row = await database.premium.find_one({})
    assert row is not None
    assert row["step"] == "ordered"
    assert life.events(order.event.transaction_id) == []
    simulator.authentication.keys["test"] = simulator.key.public_key()
    await life.handle(order)
    await life.until(order.event.transaction_id, "ok")
    assert asked(simulator) == {order.event.transaction_id: 1}


async def test_an_order_that_waits_may_become_too_late(life: Life, simulator: Simulator, orders: Orders) -> None:
    order = orders.charge()
    simulator.authentication.keys["test"] = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(TryLater):
        await life.handle(received(order))
    old = msgspec.structs.replace(order, ordered_at=order.ordered_at - timedelta(hours=2))
    await life.handle(received(old))
    assert (await life.until(order.transaction_id, "refused")).detail == "too_late"


async def test_rows_that_are_due_are_found_by_an_index(life: Life, database: Database) -> None:
    plan = await database.command(
        "explain", {"find": "premium", "filter": {"due_at": {"$lte": datetime.now(UTC)}}, "sort": {"due_at": 1}}
    )
    assert "'indexName': 'due'" in str(plan["queryPlanner"]["winningPlan"])
    plan = await database.command(
        "explain", {"find": "premium", "filter": {"untold": True, "event.at": {"$lte": datetime.now(UTC)}}}
    )
    assert "'indexName': 'untold'" in str(plan["queryPlanner"]["winningPlan"])


async def test_while_the_broker_is_away_events_wait(life: Life, orders: Orders) -> None:
    life.broker.away = True
    order = orders.charge()
    await life.handle(received(order))
    await wait_until(lambda: life.broker.refused >= 2)
    life.broker.away = False
    assert (await life.until(order.transaction_id, "ok")).sequence == 2


async def test_a_row_that_cannot_be_read_is_set_aside_and_the_others_go_on(
    life: Life, simulator: Simulator, orders: Orders, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    bad, secret = orders.charge(), "2026:of-a-person"
    old = datetime.now(UTC) - timedelta(days=1)
    row = {"version": 1, "step": "no such step", "due_at": old, "untold": True}
    event = {"at": old, "account_id": ACCOUNT, "pseudonym": secret, "price": "no number"}
    await database.premium.insert_one({"_id": bad.transaction_id, **row, "event": event})
    await wait_until(lambda: life.unreadable() >= 1)
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "ok")
    life.broker.away = True
    waiting = orders.charge(number="+4798079009")
    await life.handle(received(waiting))
    await wait_until(lambda: life.broker.refused >= 1)
    life.broker.away = False
    await life.until(waiting.transaction_id, "ok")
    assert (life.watcher.health().ready, life.unreadable()) == (True, 1)
    stored = await database.premium.find_one({"_id": bad.transaction_id})
    assert stored is not None
    assert stored["event"] == event | {"at": stored["event"]["at"]}, "nothing of it is changed"
    with pytest.raises(BadRecord, match="unreadable_row") as refused:
        await life.handle(received(bad))
    assert secret not in f"{refused.value} {caplog.text}"
    assert asked(simulator).keys() == {order.transaction_id, waiting.transaction_id}
