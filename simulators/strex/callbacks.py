"""Calls that tell of changes: signed, repeated for two days until answered 200, and made worse on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

import httpx
import msgspec

from shared.clock import Clock
from shared.lifecycle import Health
from shared.strex.signatures import CALLBACK_HEADER, PrivateKey, sign
from shared.tasks import end
from shared.trust import trusted
from simulators.smsc.timetable import Timetable
from simulators.strex.behaviour import Behaviour, falls_on
from simulators.strex.transaction import Kind, Transaction, report
from simulators.strex.wire import write

RETRIES: Final = 19
_FACTOR: Final = 1.525
_AT_ONCE: Final = 32
_TIMEOUT: Final = httpx.Timeout(10.0, connect=2.0)


class CallbackCounters(msgspec.Struct):
    """Over the life of the process."""

    planned: int = 0
    sent: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    repeated: int = 0
    given_up: int = 0


class _Call(msgspec.Struct):
    url: str
    body: bytes
    tries: int = 0


def retry_delays(first: float) -> list[float]:
    """Seconds before each repetition of a call; from 30 s on, about 48 hours in all."""
    return [first * _FACTOR**number for number in range(RETRIES)]


class Callbacks:
    """A component. At most 32 calls are under way."""

    def __init__(
        self, behaviour: Callable[[], Behaviour], key: PrivateKey, key_name: str, clock: Clock, random: Random
    ) -> None:
        self.name = "callbacks"
        self.counters = CallbackCounters()
        self._behaviour = behaviour
        self._key = key
        self._key_name = key_name
        self._clock = clock
        self._random = random
        self._due: Timetable[_Call] = Timetable(clock, self._put)
        self._queue: asyncio.Queue[_Call] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._client: httpx.AsyncClient | None = None

    def tell(self, transaction: Transaction) -> None:
        """Plan the calls that tell of a transaction's present state."""
        behaviour = self._behaviour()
        url = transaction.report_url if transaction.kind is Kind.MESSAGE else behaviour.master_url
        if url is None:
            return
        self.counters.planned += 1
        if falls_on(behaviour.callback_lose_every, self.counters.planned):
            self.counters.lost += 1
            return
        body = write(report(transaction))
        copies = 2 if falls_on(behaviour.callback_double_every, self.counters.planned) else 1
        self.counters.doubled += copies - 1
        for _ in range(copies):
            scatter = self._random.random() * behaviour.callback_scatter_ms
            self._due.add((behaviour.callback_ms + scatter) / 1000, _Call(url, body))

    async def start(self) -> None:
        """Begin to call."""
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, verify=trusted(), trust_env=False)
        self._tasks = [asyncio.create_task(self._run(self._client)) for _ in range(_AT_ONCE)]

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - what is under way is cut off
        """End; calls that were still to come are lost with the process."""
        self._due.clear()
        await end(*self._tasks)
        if self._client is not None:
            await self._client.aclose()

    async def wait(self) -> None:
        """It never ends by itself."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Ready once started."""
        return Health(ready=self._client is not None)

    def _put(self, call: _Call) -> None:
        self._queue.put_nowait(call)

    async def _run(self, client: httpx.AsyncClient) -> None:
        while True:
            call = await self._queue.get()
            call.tries += 1
            self.counters.sent += 1
            if await self._acknowledged(client, call):
                self.counters.acknowledged += 1
            elif call.tries > RETRIES:
                self.counters.given_up += 1
            else:
                self.counters.repeated += 1
                delays = retry_delays(self._behaviour().callback_retry_ms / 1000)
                self._due.add(delays[call.tries - 1], call)

    async def _acknowledged(self, client: httpx.AsyncClient, call: _Call) -> bool:
        """Whether the answer was 200: any other, 201 and 204 too, counts as none."""
        request = client.build_request("POST", call.url, content=call.body)
        signature = sign(
            self._key,
            self._key_name,
            "POST",
            str(request.url),
            call.body,
            timestamp=int(self._clock.now().timestamp()),
            nonce=self._random.randbytes(16).hex(),
        )
        request.headers[CALLBACK_HEADER] = signature.header()
        request.headers["content-type"] = "application/json"
        try:
            answer = await client.send(request)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK
