"""Processes that end at each step, calls whose outcome nobody knows, and reports that come as they like."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from starlette.responses import PlainTextResponse

from services.dispatch.strex.bodies import Request, Seen
from services.dispatch.strex.client import Answer, Missing, NoAnswer, Sight
from services.dispatch.strex.row import NOT_TAKEN, Row, Step, refused, row_id
from shared.clock import ManualClock, SystemClock
from shared.contracts.premium import Billed, PremiumKind
from shared.errors import TryLater
from shared.http import HttpServer
from shared.strex.signatures import CALLBACK_HEADER, sign
from simulators.strex import wire
from simulators.strex.behaviour import Fault
from simulators.strex.profile import Profile, Scenario
from simulators.strex.transaction import State
from tests.integration.dispatch.strex.conftest import Live
from tests.integration.dispatch.strex.rig import Killed, Life, asked, story, told_once
from tests.integration.strex.peers import SERVER_KEY, Simulator, transaction
from tests.support import wait_until
from tests.unit.dispatch.strex.orders import NUMBER, Orders, received, reversal

BEFORE_THE_CALL = ("after the row", "before the call")
AFTER_THE_CALL = ("after the call", "before the outcome", "after the outcome", "after the event")


@pytest.mark.parametrize("step", ["before the row", *BEFORE_THE_CALL, *AFTER_THE_CALL])
async def test_a_charge_survives_the_end_of_the_process_and_is_never_asked_for_twice(
    live: Live, simulator: Simulator, orders: Orders, step: str
) -> None:
    order = received(orders.charge())
    first = await live(kill_at=step)
    with pytest.raises(Killed):
        await first.handle(order)
    await first.die()

    second = await live()
    await second.handle(order)
    end = await second.until(order.event.transaction_id, "ok", "refused")

    if step in BEFORE_THE_CALL:
        assert (end.status, end.detail, end.billed) == ("refused", "not_taken", Billed.FALSE)
        assert asked(simulator) == {}
    else:
        assert (end.status, end.billed) == ("ok", Billed.TRUE)
        assert asked(simulator) == {order.event.transaction_id: 1}
    assert len(told_once(second)) <= end.sequence


@pytest.mark.parametrize("step", ["before the row", *BEFORE_THE_CALL, *AFTER_THE_CALL])
async def test_a_reversal_survives_it_too(live: Live, simulator: Simulator, orders: Orders, step: str) -> None:
    order = orders.charge()
    first = await live()
    await first.handle(received(order))
    await first.until(order.transaction_id, "ok")
    back = received(reversal(order))
    first.steps.kill_at = step
    with pytest.raises(Killed):
        await first.handle(back)
    await first.die()

    second = await live()
    await second.handle(back)
    await second.until(back.event.transaction_id, "reversed")

    totals = simulator.strex.ledger.totals()
    assert (totals.deletes, totals.reversals, totals.reversed) == (1, 1, 4200)
    assert second.ordered("anew", "reversal") == (step in BEFORE_THE_CALL)


@pytest.mark.parametrize("step", [*BEFORE_THE_CALL[1:], *AFTER_THE_CALL[:3]])
async def test_a_lost_reversal_is_made_once_by_itself_also_when_the_process_ends_over_that(
    live: Live, simulator: Simulator, orders: Orders, step: str
) -> None:
    order = orders.charge()
    first = await live(anew=(1,) * 9)
    await first.handle(received(order))
    await first.until(order.transaction_id, "ok")
    simulator.behave(fault=Fault.CUT, fault_methods=("DELETE",))
    back = received(reversal(order))
    await first.handle(back)
    await first.until(back.event.transaction_id, "unknown")
    simulator.behave(fault=None)
    first.steps.kill_at = step
    await wait_until(lambda: first.steps.kill_at is None)
    await first.die()

    second, _ = await live(anew=(1,) * 9), await live(anew=(1,) * 9)
    assert (await second.until(back.event.transaction_id, "reversed")).billed is Billed.TRUE
    totals = simulator.strex.ledger.totals()
    assert (totals.deletes, totals.reversals, totals.reversed) == (1, 1, 4200)
    assert asked(simulator)[order.transaction_id] == 1
    assert told_once(second)


async def test_a_reversal_that_gets_lost_again_and_again_is_given_up(
    live: Live, simulator: Simulator, orders: Orders
) -> None:
    order = orders.charge()
    one, other = await live(gone=0.3, anew=(1, 1)), await live(gone=0.3, anew=(1, 1))
    await one.handle(received(order))
    await one.until(order.transaction_id, "ok")
    simulator.behave(fault=Fault.CUT, fault_methods=("DELETE",))
    await one.handle(received(reversal(order)))
    assert (await one.until(f"-{order.transaction_id}", "refused")).detail == NOT_TAKEN
    assert one.ordered("anew", "reversal") + other.ordered("anew", "reversal") == 2


@pytest.mark.parametrize("step", [*BEFORE_THE_CALL, *AFTER_THE_CALL])
async def test_a_reversal_that_was_given_up_is_made_once_when_it_is_ordered_again(
    live: Live, simulator: Simulator, orders: Orders, step: str
) -> None:
    order = orders.charge()
    first = await live(anew=())
    await first.handle(received(order))
    await first.until(order.transaction_id, "ok")
    back = received(reversal(order))
    first.steps.kill_at = "before the call"
    with pytest.raises(Killed):
        await first.handle(back)
    await first.until(back.event.transaction_id, "refused")

    first.steps.kill_at = step
    with pytest.raises(Killed):
        await first.handle(back)
    await first.die()
    second = await live(anew=())

    async def closed() -> bool:
        row = await second.store.get(row_id(PremiumKind.REVERSAL, back.event.transaction_id))
        return row is not None and row.step is Step.CLOSED

    await wait_until(closed)
    await asyncio.gather(second.handle(back), second.handle(back))
    assert (await second.until(back.event.transaction_id, "reversed")).billed is Billed.TRUE
    totals = simulator.strex.ledger.totals()
    assert (totals.deletes, totals.reversals, totals.reversed) == (1, 1, 4200)
    assert told_once(second)


async def test_a_reversal_that_was_given_up_and_made_after_all_is_found_when_it_is_ordered_again(
    live: Live, simulator: Simulator, orders: Orders
) -> None:
    life, order = await live(anew=()), orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "ok")
    simulator.behave(fault=Fault.CUT, fault_methods=("DELETE",))
    back = received(reversal(order))
    await life.handle(back)
    assert (await life.until(back.event.transaction_id, "refused")).detail == NOT_TAKEN
    await simulator.strex.reverse(order.transaction_id)
    await life.handle(back)
    assert (await life.until(back.event.transaction_id, "reversed")).billed is Billed.TRUE
    assert simulator.strex.ledger.totals().reversals == 1


async def test_a_charge_that_was_given_up_is_never_asked_for_again(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    simulator.behave(fault=Fault.CUT, fault_methods=("POST",))
    order = received(orders.charge())
    await life.handle(order)
    await life.until(order.event.transaction_id, "refused")
    simulator.behave(fault=None)
    await life.handle(order)
    assert simulator.strex.ledger.totals().posts == 0


async def test_killed_while_strex_has_not_answered_it_is_found_by_looking(
    live: Live, simulator: Simulator, orders: Orders
) -> None:
    simulator.behave(answer_ms=300)
    order = received(orders.charge())
    first = await live()
    task = asyncio.create_task(first.handle(order))
    await wait_until(lambda: order.event.transaction_id in simulator.strex.ledger.transactions)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await first.die()
    simulator.behave(answer_ms=0)

    second = await live()
    await second.handle(order)
    assert (await second.until(order.event.transaction_id, "ok")).billed is Billed.TRUE
    assert asked(simulator) == {order.event.transaction_id: 1}


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.CUT_AFTER, Fault.HANG_AFTER])
async def test_what_strex_took_without_saying_so_is_found_and_not_asked_for_again(
    live: Live, simulator: Simulator, orders: Orders, fault: Fault
) -> None:
    simulator.behave(fault=fault, fault_methods=("POST",), hang_ms=1_000)
    life = await live(seconds=0.2, patience=1.0)
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "ok")
    assert story(life.events(order.transaction_id))[0] == "unknown:unknown"
    assert asked(simulator) == {order.transaction_id: 1}
    assert simulator.strex.ledger.totals().charges == 1


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.CUT])
async def test_what_strex_never_took_is_told_when_it_is_certain(
    life: Life, simulator: Simulator, orders: Orders, fault: Fault
) -> None:
    simulator.behave(fault=fault, fault_methods=("POST",))
    order = orders.charge()
    await life.handle(received(order))
    last = await life.until(order.transaction_id, "refused")
    assert story(life.events(order.transaction_id)) == ["unknown:unknown", "refused:false"]
    assert last.detail == "not_taken"
    assert simulator.strex.ledger.totals().posts == 0


async def test_what_was_given_up_and_is_charged_after_all_is_corrected(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    simulator.behave(fault=Fault.CUT, fault_methods=("POST",), master_url=life.url)
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "refused")
    body = msgspec.json.encode(transaction(order.transaction_id, recipient=NUMBER, price=42))
    simulator.strex.charge(wire.read(body, wire.StrexTransaction), body)
    assert (await life.until(order.transaction_id, "ok")).billed is Billed.TRUE


async def test_a_process_that_slept_on_its_row_writes_it_anew_before_it_calls(
    life: Life, simulator: Simulator, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, insert = received(orders.charge()), life.store.insert
    awake = life.asking._clock

    async def sleepy(row: Row) -> bool:
        inserted = await insert(row)
        monkeypatch.setattr(life.asking, "_clock", ManualClock(awake.now() + timedelta(seconds=0.6)))
        return inserted

    with monkeypatch.context() as patched:
        patched.setattr(life.store, "insert", sleepy)
        with pytest.raises(TryLater):
            await life.handle(order)
    assert asked(simulator) == {}
    monkeypatch.setattr(life.asking, "_clock", awake)
    await life.handle_patiently(order)
    await life.until(order.event.transaction_id, "ok", "refused")
    assert simulator.strex.ledger.totals().charges <= 1


async def test_what_was_given_up_during_the_call_is_looked_at_again_without_a_report(
    life: Life, simulator: Simulator, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, ask = orders.charge(), life.client.ask

    async def given_up_meanwhile(request: Request) -> Answer:
        row = await life.store.get(row_id(order.kind, order.transaction_id))
        assert row is not None
        assert await life.store.move(row, refused(row, NOT_TAKEN, row.event.at))
        return await ask(request)

    monkeypatch.setattr(life.client, "ask", given_up_meanwhile)
    await life.handle(received(order))
    assert (await life.until(order.transaction_id, "ok")).billed is Billed.TRUE
    assert asked(simulator) == {order.transaction_id: 1}


async def test_a_call_that_timed_out_on_its_way_may_have_gone_on(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("too slow", 408)(scope, receive, send)

    server = HttpServer("proxy", proxy, "127.0.0.1", 0, setting="port")
    await server.start()
    with monkeypatch.context() as patched:
        patched.setattr(life.client, "_base", f"http://127.0.0.1:{server.port}")
        assert await life.client.ask(Request("POST", "api/strex/transactions", b"{}")) == NoAnswer()
    await server.stop(1.0)


async def test_a_404_that_is_not_of_strex_says_nothing(life: Life, orders: Orders) -> None:
    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("no such page", 404)(scope, receive, send)

    server = HttpServer("proxy", proxy, "127.0.0.1", 0, setting="port")
    await server.start()
    life.client._base = f"http://127.0.0.1:{server.port}"
    order = orders.charge()
    await life.handle(received(order))
    await wait_until(lambda: life.watched("none") >= 3)
    assert [event.status for event in life.events(order.transaction_id)] == ["unknown"]
    await server.stop(1.0)


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.CUT_AFTER])
async def test_a_reversal_without_an_answer_is_found_too(
    life: Life, simulator: Simulator, orders: Orders, fault: Fault
) -> None:
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "ok")
    simulator.behave(fault=fault, fault_methods=("DELETE",))
    await life.handle(received(reversal(order)))
    await life.until(f"-{order.transaction_id}", "reversed")
    totals = simulator.strex.ledger.totals()
    assert (totals.deletes, totals.reversals) == (1, 1)


async def test_a_code_without_an_answer_is_found_too(life: Life, simulator: Simulator, orders: Orders) -> None:
    simulator.behave(fault=Fault.CUT_AFTER)
    order = orders.password()
    await life.handle(received(order))
    await wait_until(lambda: [each.status for each in life.passwords(order.transaction_id)] == ["unknown", "ok"])
    assert simulator.strex.ledger.totals().passwords == 1


@pytest.mark.parametrize("step", ["after the row", "before the row"])
async def test_a_row_of_which_it_is_not_known_whether_it_stands_is_asked_for(
    live: Live, simulator: Simulator, orders: Orders, step: str
) -> None:
    life = await live()
    order = received(orders.charge())
    life.steps.lose_at = step
    with pytest.raises(TryLater):
        await life.handle(order)
    await life.handle(order)
    await life.until(order.event.transaction_id, "ok")
    assert asked(simulator) == {order.event.transaction_id: 1}


@pytest.mark.parametrize("step", ["before the outcome", "after the outcome"])
async def test_an_outcome_that_could_not_be_written_is_found_by_looking(
    live: Live, simulator: Simulator, orders: Orders, step: str
) -> None:
    life = await live()
    order = received(orders.charge())
    life.steps.lose_at = step
    with pytest.raises(TryLater):
        await life.handle(order)
    await life.handle(order)
    await life.until(order.event.transaction_id, "ok")
    assert asked(simulator) == {order.event.transaction_id: 1}


async def test_two_processes_with_the_same_order_ask_once(live: Live, simulator: Simulator, orders: Orders) -> None:
    batch = [received(orders.charge(number=f"+47980790{number:02d}")) for number in range(20)]
    one, other = await live(gone=20.0), await live(gone=20.0)
    await asyncio.gather(one.handle(*batch), other.handle(*batch))
    for order in batch:
        await one.until(order.event.transaction_id, "ok")
    assert set(asked(simulator).values()) == {1}
    assert len(asked(simulator)) == 20


@pytest.mark.parametrize(
    "settings",
    [
        {"callback_double_every": 1},
        {"callback_lose_every": 1},
        {"callback_scatter_ms": 100},
        {"answer_ms": 100, "settle_ms": 0},
    ],
    ids=["doubled", "lost", "reordered", "before the answer"],
)
async def test_reports_may_come_as_they_like(
    live: Live, simulator: Simulator, orders: Orders, settings: dict[str, Any]
) -> None:
    life = await live(gone=20.0)
    simulator.behave(master_url=life.url, late_ms=30, **settings)
    simulator.strex.ledger.profiles |= {
        f"+47980790{number:02d}": Profile(scenario=Scenario.LATE) for number in range(0, 20, 2)
    }
    batch = [received(orders.charge(number=f"+47980790{number:02d}")) for number in range(20)]
    await life.handle_patiently(*batch)
    for order in batch:
        events = life.events((await life.until(order.event.transaction_id, "ok")).transaction_id)
        assert events[-1].billed is Billed.TRUE
    assert told_once(life)
    assert set(asked(simulator).values()) == {1}


async def test_a_report_makes_us_look_at_once(life: Life, simulator: Simulator, orders: Orders) -> None:
    simulator.strex.ledger.profiles[NUMBER] = Profile(scenario=Scenario.ERROR)
    simulator.behave(master_url=life.url)
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "failed")
    simulator.strex.turn(order.transaction_id, State(status="Rebilled", detailed="Delivered", billed=True))
    assert (await life.until(order.transaction_id, "rebilled")).billed is Billed.TRUE


@pytest.mark.parametrize("wrong", ["no header", "another key", "another body", "another url", "old"])
async def test_a_forged_report_is_refused(life: Life, simulator: Simulator, orders: Orders, wrong: str) -> None:
    simulator.strex.ledger.profiles[NUMBER] = Profile(scenario=Scenario.ERROR)
    order = orders.charge()
    await life.handle(received(order))
    await life.until(order.transaction_id, "failed")
    simulator.strex.turn(order.transaction_id, State(status="Rebilled", detailed="Delivered", billed=True))
    row = await life.store.get(row_id(PremiumKind.CHARGE, order.transaction_id))
    body = b'{"transactionId":"%b","statusCode":"Rebilled","billed":true}' % order.transaction_id.encode()
    now = int(SystemClock().now().timestamp())
    signature = sign(
        simulator.server_key,
        "unknown" if wrong == "another key" else SERVER_KEY,
        "POST",
        life.url + ("x" if wrong == "another url" else ""),
        body,
        timestamp=now - (400 if wrong == "old" else 0),
        nonce="n",
    )
    headers = {} if wrong == "no header" else {CALLBACK_HEADER: signature.header()}
    content = body + b" " if wrong == "another body" else body
    async with httpx.AsyncClient() as http:
        assert (await http.post(life.url, content=content, headers=headers)).status_code == 401
        assert life.metrics.callbacks.labels("forged")._value.get() == 1
        assert await life.store.get(row_id(PremiumKind.CHARGE, order.transaction_id)) == row
        good = {
            CALLBACK_HEADER: sign(
                simulator.server_key, SERVER_KEY, "POST", life.url, body, timestamp=now, nonce="n"
            ).header()
        }
        assert (await http.post(life.url, content=body, headers=good)).status_code == 200
        assert (await life.until(order.transaction_id, "rebilled")).billed is Billed.TRUE
        unread = b"[]"
        bad = {
            CALLBACK_HEADER: sign(
                simulator.server_key, SERVER_KEY, "POST", life.url, unread, timestamp=now, nonce="n"
            ).header()
        }
        assert (await http.post(life.url, content=unread, headers=bad)).status_code == 400
        assert (await http.post(life.url, content=b"x" * 70_000, headers=good)).status_code == 413


async def test_an_old_answer_that_comes_after_a_newer_one_changes_nothing(
    live: Live, simulator: Simulator, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process has read `Sent` and is slow; Strex reports `Ok`, another looks and tells; then the first goes on."""
    slow, quick = await live(gone=20.0), await live(gone=20.0)
    await quick.watcher.stop(1.0)
    simulator.strex.ledger.profiles[NUMBER] = Profile(scenario=Scenario.NEVER_KNOWN)
    order, read, go_on = orders.charge(), asyncio.Event(), asyncio.Event()
    look = slow.client.look

    async def held_back(path: str) -> Sight:
        seen = await look(path)
        if isinstance(seen, Seen) and seen.status_code == "Sent":
            read.set()
            await go_on.wait()
        return seen

    monkeypatch.setattr(slow.client, "look", held_back)
    await slow.handle(received(order))
    await read.wait()
    simulator.behave(master_url=quick.url)
    simulator.strex.turn(order.transaction_id, State(status="Ok", detailed="Delivered", billed=True))
    await quick.watcher.start()
    await quick.until(order.transaction_id, "ok")
    go_on.set()
    await wait_until(lambda: not slow.watcher._looking)
    row = await slow.store.get(row_id(order.kind, order.transaction_id))
    assert row is not None
    assert (row.step, row.event.status, row.event.billed) == (Step.CLOSED, "ok", Billed.TRUE)
    assert story(slow.events(order.transaction_id)) == ["queued:unknown", "ok:true"]


async def test_a_reversal_that_strex_made_and_does_not_show_yet_is_not_told_as_refused(
    live: Live, simulator: Simulator, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, life, hidden = orders.charge(), await live(anew=(1,) * 9), True
    await life.handle(received(order))
    await life.until(order.transaction_id, "ok")
    look = life.client.look

    async def blind(path: str) -> Sight:
        return Missing() if hidden and "/-" in path else await look(path)

    monkeypatch.setattr(life.client, "look", blind)
    simulator.behave(fault=Fault.ERROR_AFTER, fault_methods=("DELETE",))
    back = received(reversal(order))
    await life.handle(back)
    simulator.behave(fault=None)
    await wait_until(lambda: life.ordered("declined", "reversal") >= 1)
    hidden = False
    await life.until(back.event.transaction_id, "reversed")
    assert "refused:false" not in story(life.events(back.event.transaction_id))
    assert simulator.strex.ledger.totals().reversals == 1
