"""A stand-in for the operator `test`: an SMSC of our own on the loopback address, inside the sender's process.

So a test message goes the whole way: router, topic, ledger, bind, PDU, receipt, facts. Only the radio is missing.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

from services.dispatch.operators.config import Link
from services.dispatch.testing.outcomes import script_of
from shared.clock import Clock
from shared.lifecycle import Health
from shared.smpp.constants import ESME_RBINDFAIL, ESME_RMSGQFUL, ESME_ROK
from shared.smpp.errors import NotBound, WindowFull
from shared.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from shared.smpp.receipts import ReceiptState, build
from shared.smpp.reply import Reply
from shared.smpp.results import Accepted, SubmitResult
from shared.smpp.server import Server, ServerSession, serve
from shared.smpp.settings import BindSettings, SessionSettings
from shared.tasks import end

_HOST: Final = "127.0.0.1"
_SYSTEM_ID: Final = "test"

TEST_LINK: Final = Link(name="test", host=_HOST, port=0, system_id=_SYSTEM_ID)
"""The link as the operators file would have it; the port is known once the stand-in listens."""

_DELAY: Final = 0.1
_TICK: Final = 0.02
_MOST_WAITING: Final = 10_000


class StandIn:
    """A component: listens, answers submits as their script says, and delivers receipts a tenth of a second later.

    Receipts wait in memory, at most 10,000 (then submits are answered ESME_RMSGQFUL): a process that dies takes them
    along, and their test messages stay `submitted`.
    """

    def __init__(self, binds: list[BindSettings], window: int, clock: Clock, random: Callable[[int], bytes]) -> None:
        """At the start, the one bind that leads here is put into `binds`. `random` gives unpredictable octets."""
        self.name = "operator test, stand-in"
        self._binds = binds
        self._window = window
        self._clock = clock
        self._random = random
        self._password = random(16).hex()
        self._waiting: list[tuple[float, int, DeliverSm]] = []
        self._numbers = count()
        self._wanted = asyncio.Event()
        self._server: Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen on a free port of the loopback address."""
        self._server = await serve(
            _HOST,
            0,
            authenticate=self._authenticate,
            on_submit=self._on_submit,
            system_id=_SYSTEM_ID.encode(),
            settings=SessionSettings(window=self._window, max_unanswered=self._window),
            clock=self._clock,
        )
        self._binds[:] = [
            BindSettings(
                host=_HOST,
                port=self._server.port,
                system_id=_SYSTEM_ID,
                password=self._password,
                session=SessionSettings(window=self._window),
            )
        ]
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:
        """Close; what waits is forgotten."""
        if self._task is not None:
            await end(self._task)
            self._task = None
        if self._server is not None:
            await self._server.close(deadline)
            self._server = None

    async def wait(self) -> None:
        """Return or raise when the loop of receipts ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it listens."""
        return Health(ready=self._server is not None, reason="" if self._server is not None else "not listening")

    async def _authenticate(self, _: ServerSession, bind: BindRequest) -> int:
        """The port is open to the whole machine, the password is this process's secret."""
        return ESME_ROK if hmac.compare_digest(bind.password, self._password.encode()) else ESME_RBINDFAIL

    def _on_submit(self, _: ServerSession, pdu: SubmitSm, reply: Reply) -> None:
        script = script_of(pdu.destination_addr)
        if script.status != ESME_ROK:
            reply(script.status)
            return
        if len(self._waiting) + len(script.receipts) > _MOST_WAITING:
            reply(ESME_RMSGQFUL)
            return
        operator_id = self._random(8).hex().encode()
        reply(ESME_ROK, operator_id)
        at, now = self._clock.monotonic(), self._clock.now()
        for step, state in enumerate(script.receipts, 1):
            self._put(at + step * _DELAY, _receipt(operator_id, state, pdu, now))

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(_TICK)
            now = self._clock.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                _, _, receipt = heappop(self._waiting)
                if not self._deliver(receipt):
                    self._put(now + _DELAY, receipt)
            if not self._waiting:
                self._wanted.clear()

    def _put(self, at: float, receipt: DeliverSm) -> None:
        """A receipt goes out at a time, in monotonic seconds."""
        heappush(self._waiting, (at, next(self._numbers), receipt))
        self._wanted.set()

    def _deliver(self, receipt: DeliverSm) -> bool:
        """Hand a receipt to whoever is bound; whether somebody was."""
        for session in self._server.sessions if self._server is not None else ():
            try:
                session.send(receipt, receipt, self._answered)
            except (NotBound, WindowFull):
                continue
            return True
        return False

    def _answered(self, receipt: Any, result: SubmitResult) -> None:
        """One that was not stored is delivered again, a little later."""
        if not isinstance(result, Accepted):
            self._put(self._clock.monotonic() + _DELAY * 10, receipt)


def _receipt(operator_id: bytes, state: ReceiptState, pdu: SubmitSm, now: datetime) -> DeliverSm:
    """The receipt of a part, from the handset to the sender."""
    return build(
        message_id=operator_id,
        state=state,
        submitted_at=now,
        done_at=now,
        source=(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr),
        destination=(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr),
    )
