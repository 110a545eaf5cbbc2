from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import uvloop

from shared.clock import SystemClock
from shared.smpp.client import Bind, connect
from shared.smpp.pdu import DeliverSm
from shared.smpp.reply import Reply
from shared.smpp.settings import BindMode, BindSettings
from simulators.smsc.behaviour import Behaviour
from simulators.smsc.control import control
from simulators.smsc.smsc import Options, Smsc


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], object]]:
    """The simulator runs on uvloop."""
    return {"uvloop": uvloop.new_event_loop}


class Esme:
    """Binds to the simulator and takes what it delivers."""

    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc
        self.delivered: list[DeliverSm] = []
        self.answer = 0
        self.binds: list[Bind] = []

    async def bind(
        self, *, system_id: str = "esme", password: str = "secret", mode: BindMode = BindMode.TRANSCEIVER
    ) -> Bind:
        bind = await connect(
            BindSettings(host="127.0.0.1", port=self._smsc.port, system_id=system_id, password=password, mode=mode),
            on_deliver=self._take,
        )
        self.binds.append(bind)
        return bind

    def _take(self, message: DeliverSm, reply: Reply) -> None:
        self.delivered.append(message)
        reply(self.answer)


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    simulator = Smsc(Options(name="test", bodies=5), Behaviour(receipt_delay_ms=0), SystemClock())
    await simulator.start()
    yield simulator
    await simulator.stop(1)


@pytest.fixture
async def esme(smsc: Smsc) -> AsyncIterator[Esme]:
    client = Esme(smsc)
    yield client
    for bind in client.binds:
        bind.abort()


@pytest.fixture
async def http(smsc: Smsc) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=control(smsc))
    async with httpx.AsyncClient(transport=transport, base_url="http://smsc") as client:
        yield client
