"""Keep the binds of one operator up, and hand out one with a free slot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeAlias

import msgspec

from shared.clock import Clock
from shared.errors import TryLater
from shared.smpp.backoff import Backoff
from shared.smpp.client import Bind, OnAlert, OnData, OnDeliver, OnLate, connect
from shared.smpp.errors import BindRefused, NotBound
from shared.smpp.pdu import SubmitSm
from shared.smpp.results import Ending, SubmitResult
from shared.smpp.settings import BindSettings
from shared.smpp.window import OnResult
from shared.telemetry.logs import get_log

_log = get_log()


class LinkChange(msgspec.Struct, frozen=True):
    """One bind came up, went down, or could not be made.

    `index` says which of the link's binds; `up` how many stand now. `ending` is set when a bind ended, `error` (a code
    of the tree) when one could not be made, and `status` when the peer refused it.
    """

    index: int
    up: int
    ending: Ending | None = None
    error: str = ""
    status: int | None = None


OnChange: TypeAlias = Callable[[LinkChange], None]


class Link:
    """N binds of one operator. `start` returns at once; `slot` waits until there is somewhere to send.

    Every bind is made again after it ended, until `stop`. Requests in flight on a bind that ends are told `Unknown`;
    the link never sends anything a second time.
    """

    def __init__(
        self,
        binds: Sequence[BindSettings],
        *,
        on_deliver: OnDeliver,
        on_change: OnChange,
        random: Random,
        clock: Clock,
        on_data: OnData | None = None,
        on_alert: OnAlert | None = None,
        on_late: OnLate | None = None,
        on_room: Callable[[], None] | None = None,
        backoff: Backoff | None = None,
        name: str = "",
    ) -> None:
        """`name` is what the logs call it; see `connect` for the callbacks. `on_room` is told when a bind has come up,
        or has room again that nobody took while its answers were read.
        """
        self._settings = binds
        self._on_deliver = on_deliver
        self._on_change = on_change
        self._on_data = on_data
        self._on_alert = on_alert
        self._on_late = on_late
        self._on_room = on_room
        self._random = random
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._name = name
        self._binds: dict[int, Bind] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def up(self) -> int:
        """Binds that stand."""
        return len(self._binds)

    @property
    def free(self) -> int:
        """Free slots over all binds."""
        return sum(bind.free for bind in self._binds.values())

    @property
    def in_flight(self) -> int:
        """Requests without an answer over all binds."""
        return sum(bind.in_flight for bind in self._binds.values())

    @property
    def throttled_at(self) -> float | None:
        """When one of the binds that stand was last asked for patience, in monotonic seconds.

        A hint: the link goes on handing out slots, and whether to slow down is the sender's decision.
        """
        return max((bind.throttled_at for bind in self._binds.values() if bind.throttled_at is not None), default=None)

    def start(self) -> None:
        """Begin to bind."""
        self._tasks = [asyncio.create_task(self._keep(index)) for index in range(len(self._settings))]

    def free_bind(self) -> Bind | None:
        """The bind with the most free slots, if any has one: the load spreads, and a stalled peer gets no more."""
        best, most = None, 0
        for bind in self._binds.values():
            free = bind.free
            if free > most:
                best, most = bind, free
        return best

    async def slot(self) -> Bind:
        """A bind with a free slot; it stays free until the caller awaits. Raises `NotBound` once stopping."""
        while (bind := self.free_bind()) is None:
            if self._stopping.is_set():
                raise NotBound
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        return bind

    async def submit(self, message: SubmitSm) -> SubmitResult:
        """Wait for a slot, submit once, wait for the result."""
        return await (await self.slot()).submit(message)

    async def send(self, message: SubmitSm, context: Any, on_result: OnResult) -> Bind:
        """Wait for a slot and send once; the bind that took it."""
        bind = await self.slot()
        bind.send(message, context, on_result)
        return bind

    async def stop(self, deadline: float) -> None:
        """Unbind everything within `deadline` seconds; open requests get their result first."""
        self._stopping.set()
        self._wake()
        for index, task in enumerate(self._tasks):
            if index not in self._binds:
                task.cancel()
        await asyncio.gather(*(bind.unbind(deadline) for bind in self._binds.values()))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait(self) -> None:
        """Return after `stop`; raise what no new try can mend, such as settings that cannot be encoded."""
        await asyncio.gather(*self._tasks)

    async def _keep(self, index: int) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                bind = await connect(
                    self._settings[index],
                    on_deliver=self._on_deliver,
                    on_data=self._on_data,
                    on_alert=self._on_alert,
                    on_late=self._on_late,
                    on_writable=self._wake,
                    clock=self._clock,
                )
            except TryLater as error:
                status = error.status if isinstance(error, BindRefused) else None
                _log.warning("smpp_bind_failed", link=self._name, bind=index, code=error.code, status=status)
                self._on_change(LinkChange(index, self.up, error=error.code, status=status))
            else:
                if await self._stand(index, bind):
                    failures = 0
            failures += 1
            await self._pause(self._backoff.delay(failures, self._random))

    async def _stand(self, index: int, bind: Bind) -> bool:
        """From up to down; whether it stood long enough to start the back-off anew."""
        since = self._clock.monotonic()
        self._binds[index] = bind
        _log.info("smpp_bind_up", link=self._name, bind=index)
        self._on_change(LinkChange(index, self.up))
        self._wake()
        try:
            ending = await asyncio.shield(bind.closed)
        finally:
            del self._binds[index]
            bind.abort()
        _log.warning("smpp_bind_down", link=self._name, bind=index, ending=ending)
        self._on_change(LinkChange(index, self.up, ending=ending))
        return self._clock.monotonic() - since >= self._backoff.steady

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._on_room is not None:
            self._on_room()
