"""What Strex refuses is told as it says it, charges nobody and is not asked for a second time."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from services.dispatch.strex.bodies import Request
from services.dispatch.strex.client import Answer, Declined
from shared.clock import SystemClock
from shared.contracts.premium import Billed
from shared.strex.signatures import CALLBACK_HEADER, sign
from simulators.strex import wire
from simulators.strex.transaction import State
from tests.integration.dispatch.strex.conftest import Live
from tests.integration.dispatch.strex.rig import Life, asked
from tests.integration.strex.peers import SERVER_KEY, Simulator, one_time_password, transaction
from tests.support import wait_until
from tests.unit.dispatch.strex.orders import NUMBER, Orders, received
from tests.unit.dispatch.strex.test_row import DETAILED


async def test_each_of_strexs_codes_is_told_with_the_charge_that_failed_and_moves_no_money(
    live: Live, simulator: Simulator, orders: Orders
) -> None:
    life = await live(gone=30.0)
    simulator.behave(settle_ms=600_000, long_poll_ms=0, master_url=life.url)
    codes = {orders.charge(number=f"+47980790{number:02d}"): code for number, code in enumerate(DETAILED)}
    await life.handle(*map(received, codes))
    for order, code in codes.items():
        simulator.strex.turn(order.transaction_id, State(status="Failed", detailed=code, billed=False, delivered=False))
    for order, code in codes.items():
        end = await life.until(order.transaction_id, "failed")
        assert (end.detail, end.billed, end.delivered) == (None if code == "None" else code, Billed.FALSE, None)
    assert set(asked(simulator).values()) == {1}
    assert simulator.strex.ledger.totals().charges == 0


async def test_what_strex_refuses_at_once_ends_with_the_status_of_its_answer(
    life: Life, simulator: Simulator, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def declines(_: Request) -> Answer:
        return Declined(400)

    charge, password = orders.charge(), orders.password()
    with monkeypatch.context() as patched:
        patched.setattr(life.client, "ask", declines)
        await life.handle(received(charge), received(password))
    end = await life.until(charge.transaction_id, "refused")
    assert (end.detail, end.billed) == ("declined_400", Billed.FALSE)
    assert [each.detail for each in life.passwords(password.transaction_id)] == ["declined_400"]
    await life.handle(received(charge))
    await life.handle(received(orders.charge(transaction_id=password.transaction_id, code="1234")))
    assert (await life.until(password.transaction_id, "refused")).detail == "no_one_time_password"
    assert asked(simulator) == {}


async def test_an_id_that_strex_has_already_is_told_as_it_stands_there_and_not_charged_again(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    order = orders.charge(number="+4798079001")
    body = msgspec.json.encode(transaction(order.transaction_id, recipient=NUMBER, price=42))
    simulator.strex.charge(wire.read(body, wire.StrexTransaction), body)
    await life.handle(received(order))
    assert (await life.until(order.transaction_id, "ok")).billed is Billed.TRUE
    totals = simulator.strex.ledger.totals()
    assert (totals.charges, totals.charged) == (1, 4200)


async def test_a_code_that_strex_has_texted_already_is_found(life: Life, simulator: Simulator, orders: Orders) -> None:
    order = orders.password()
    body = msgspec.json.encode(one_time_password(order.transaction_id, recipient=NUMBER))
    simulator.strex.password(wire.read(body, wire.OneTimePassword))
    await life.handle(received(order))
    assert [each.status for each in life.passwords(order.transaction_id)] == ["ok"]
    assert simulator.strex.ledger.totals().passwords == 1


async def test_a_wrong_code_ends_its_transaction_also_for_the_right_one(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    password = orders.password()
    name = password.transaction_id
    await life.handle(received(password), received(orders.charge(transaction_id=name, code="4321")))
    await life.until(name, "failed")
    await life.handle(received(orders.charge(transaction_id=name, code="1234")))
    assert (life.ordered("repeated"), life.events(name)[-1].detail) == (1, "OneTimePasswordFailed")
    assert simulator.strex.ledger.totals().charges == 0


async def test_while_the_server_key_cannot_be_fetched_a_report_is_to_come_again(
    life: Life, simulator: Simulator, orders: Orders
) -> None:
    simulator.behave(settle_ms=600_000, long_poll_ms=0)
    order = orders.charge()
    await life.handle(received(order))
    body = msgspec.json.encode({"transactionId": order.transaction_id, "statusCode": "Ok", "billed": True})
    now = int(SystemClock().now().timestamp())
    signature = sign(simulator.server_key, SERVER_KEY, "POST", life.url, body, timestamp=now, nonce="n")
    key = simulator.authentication.keys.pop("test")
    async with httpx.AsyncClient() as http:
        answer = await http.post(life.url, content=body, headers={CALLBACK_HEADER: signature.header()})
        assert (answer.status_code, answer.json()["detail"]) == (503, "strex_unreachable")
        simulator.authentication.keys["test"] = key
        again = await http.post(life.url, content=body, headers={CALLBACK_HEADER: signature.header()})
        assert again.status_code == 200
    assert life.events(order.transaction_id)[-1].billed is Billed.UNKNOWN, "a report is believed no further"
    await wait_until(lambda: life.metrics.callbacks.labels("news")._value.get() == 1)
