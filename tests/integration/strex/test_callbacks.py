"""Calls of the simulated Strex: signed, repeated until 200, lost, doubled and out of order on request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.clock import SystemClock
from shared.http import HttpServer
from shared.strex.signatures import CALLBACK_HEADER, parse, verify
from simulators.strex.callbacks import retry_delays
from tests.integration.strex.peers import SERVER_KEY, Client, Simulator, transaction
from tests.support import wait_until


class Target:
    """Whoever is called. `status` chooses the answer by the number of the call, from 1."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.bodies: list[bytes] = []
        self.status: Callable[[int], int] = lambda _: 200
        app = Starlette(routes=[Route("/told", self._take, methods=["POST"])])
        self.server = HttpServer("target", app, "127.0.0.1", 0, setting="port")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/told"

    async def _take(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.headers.append(request.headers[CALLBACK_HEADER])
        self.reports.append(msgspec.json.decode(self.bodies[-1]))
        return Response(status_code=self.status(len(self.bodies)))


@pytest.fixture
async def target(simulator: Simulator) -> AsyncIterator[Target]:
    target = Target()
    await target.server.start()
    simulator.behave(master_url=target.url)
    yield target
    await target.server.stop(1.0)


async def charge(client: Client, recipient: str = "+4798079008") -> str:
    wanted = str(uuid4())
    await client.call("POST", "/api/strex/transactions", transaction(wanted, recipient=recipient))
    return wanted


async def test_a_change_is_told_with_a_signature_of_the_server_key(
    simulator: Simulator, client: Client, target: Target
) -> None:
    wanted = await charge(client)
    await wait_until(lambda: len(target.reports) == 1)
    report = target.reports[0]
    assert (report["transactionId"], report["statusCode"], report["billed"]) == (wanted, "Ok", True)
    signature = parse(target.headers[0])
    assert signature.key_name == SERVER_KEY
    key = simulator.server_key.public_key()
    verify(key, signature, "POST", target.url, target.bodies[0], now=SystemClock().now().timestamp())


async def test_only_200_acknowledges(simulator: Simulator, client: Client, target: Target) -> None:
    target.status = lambda number: {1: 204, 2: 201, 3: 500}.get(number, 200)
    await charge(client)
    await wait_until(lambda: simulator.callbacks.counters.acknowledged == 1)
    assert len(target.reports) == 4


async def test_after_nineteen_repetitions_a_call_is_given_up(
    simulator: Simulator, client: Client, target: Target
) -> None:
    simulator.behave(callback_retry_ms=0)
    target.status = lambda _: 503
    await charge(client)
    await wait_until(lambda: simulator.callbacks.counters.given_up == 1)
    assert (len(target.reports), simulator.callbacks.counters.acknowledged) == (20, 0)


async def test_a_charged_message_to_somebody_who_blocked_payment_is_told_where_it_asked_to_be(
    simulator: Simulator, client: Client, target: Target
) -> None:
    simulator.behave(master_url=None)
    payment = {"merchantId": "mer_test", "serviceCode": "14002", "invoiceText": "x", "price": 42}
    body = {"sender": "2002", "recipient": "+4700000020", "content": "Takk!", "strex": payment}
    where = {"deliveryReportUrl": target.url, "properties": {"TestInProd": True}}
    assert (await client.call("POST", "/api/out-messages", body | where)).status_code == 201
    await wait_until(lambda: len(target.reports) == 1)
    report = target.reports[0]
    assert (report["statusCode"], report["detailedStatusCode"]) == ("Failed", "SubscriberBarred")
    assert (report["billed"], report["delivered"]) == (False, False)


async def test_calls_may_be_doubled_and_lost(simulator: Simulator, client: Client, target: Target) -> None:
    simulator.behave(callback_double_every=2, callback_lose_every=3)
    wanted = [await charge(client, f"+479807900{number}") for number in range(3)]
    await wait_until(lambda: simulator.callbacks.counters.acknowledged == 3)
    told = [report["transactionId"] for report in target.reports]
    assert sorted(told.count(each) for each in wanted) == [0, 1, 2]


async def test_calls_may_come_out_of_order(simulator: Simulator, client: Client, target: Target) -> None:
    simulator.behave(callback_scatter_ms=100)
    wanted = [await charge(client, f"+479807901{number}") for number in range(8)]
    await wait_until(lambda: len(target.reports) == 8)
    told = [report["transactionId"] for report in target.reports]
    assert told != wanted
    assert sorted(told) == sorted(wanted)


def test_nineteen_repetitions_take_two_days() -> None:
    delays = retry_delays(30.0)
    assert len(delays) == 19
    assert 46 * 3600 < sum(delays) < 50 * 3600
