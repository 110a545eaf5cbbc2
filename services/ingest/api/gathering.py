"""Requests of about 5 ms become one produce: the ids of a flush are minted so that it is one batch of one partition.

Measured (CPU of this process a request): 186 µs with a send each, 119 µs gathered onto one partition.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from services.ingest.api.metrics import LaneMetrics
from shared.clock import Clock
from shared.contracts.words import Lane
from shared.errors import BudstikkeError, TryLater
from shared.kafka.record import Output
from shared.lifecycle import Health
from shared.tasks import end

WINDOW: Final = {Lane.EXPRESS: 0.0, Lane.STANDARD: 0.005, Lane.BULK: 0.005}
"""Seconds that a flush waits for company. A produce costs a millisecond of CPU by the time it is read everywhere."""
ENOUGH: Final = 32
"""Records that are company enough."""
ROUND: Final = {Lane.EXPRESS: 0.0, Lane.STANDARD: 0.16, Lane.BULK: 0.16}
"""Seconds in which each partition has had its turn: what comes in one turn can be one transaction in a stage behind."""

_SEND_SECONDS: Final = 5.0
_MOST_RECORDS: Final = 500
_MOST_WAITING: Final = 20_000


class Send(Protocol):
    """Writes records; `shared.kafka.sending.Sender.send` is one."""

    async def __call__(self, outputs: Sequence[Output], *, deadline: float) -> None:
        """Return when all replicas acknowledged; raise `TryLater` when that is not known."""
        ...


class Flush:
    """Records on their way, and the requests that wait for them. `partition` is that of all whose ids are minted for
    it; ids that are derived have a partition of their own.
    """

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.outputs: list[Output] = []
        self.opened_at = 0.0
        self._waiters: list[asyncio.Future[None]] = []

    def acknowledged(self) -> asyncio.Future[None]:
        """A future of the caller's own: done when all is acknowledged, or failed with `TryLater`."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def settle(self, error: BudstikkeError | None) -> None:
        """Tell everybody who still waits."""
        for waiter in self._waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)


class Gathering:
    """The flushes of one lane, one in flight at a time; partitions take turns, for an equal part of `ROUND` or one full
    flush.

    A flush goes when its window is over or `ENOUGH` records wait, and the flush before it is settled. One of 500 is
    closed at once, and one of a partition to which a write still lasts at the end of its turn: what comes then does not
    wait for it. When that write fails so do the closed ones of its partition. At most `most_waiting` records wait or
    are in flight.
    """

    def __init__(
        self,
        lane: Lane,
        send: Send,
        clock: Clock,
        metrics: LaneMetrics,
        *,
        partitions: int,
        first_partition: int = 0,
        window: float | None = None,
        round_seconds: float | None = None,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        """`first_partition` should be random, so that several processes do not walk in step. `window` and
        `round_seconds` are those of the lane.
        """
        self.name = f"gathering {lane}"
        self.partitions = partitions
        self._send = send
        self._clock = clock
        self._metrics = metrics
        self._window = WINDOW[lane] if window is None else window
        self._turn_lasts = (ROUND[lane] if round_seconds is None else round_seconds) / partitions
        self._turn_ends = 0.0
        self._most_waiting = most_waiting
        self._waiting = 0
        self._open = Flush(first_partition % partitions)
        self._closed: deque[Flush] = deque()
        self._sending: int | None = None
        self._wanted = asyncio.Event()
        self._enough = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def reserve(self, records: int) -> None:
        """Take room for that many records, all or none. Raises `TryLater` (`over_capacity`, `stopping`).

        Each is given back when its flush is settled, or by `release` when it never came to be added.
        """
        if self._stopping:
            raise TryLater("stopping", "the process is stopping")
        if self._waiting + records > self._most_waiting:
            raise TryLater("over_capacity", f"more than {self._most_waiting} records wait")
        self._waiting += records
        self._idle.clear()

    def release(self, records: int) -> None:
        """Give back room that was reserved and not used."""
        self._waiting -= records
        if not self._waiting:
            self._idle.set()

    def flush(self) -> Flush:
        """The flush that is open now. What is added to it in this step of the loop goes out with it."""
        if len(self._open.outputs) >= _MOST_RECORDS or self._outstayed():
            if self._open.outputs:
                self._closed.append(self._open)
            self._turn()
        if not self._open.outputs:
            self._open.opened_at = self._clock.monotonic()
            self._wanted.set()
        elif len(self._open.outputs) >= ENOUGH - 1:
            self._enough.set()
        return self._open

    async def start(self) -> None:
        """Begin to send."""
        self._stopping = False
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:
        """Take nothing more, send what waits within `deadline` seconds, fail the rest."""
        self._stopping = True
        if self._task is None:
            return
        if not self._task.done():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), deadline)
        await end(self._task)
        self._task = None
        for flush in (*self._closed, self._open):
            self._settle(flush, TryLater("stopping", "the process is stopping"))
        self._closed.clear()

    async def wait(self) -> None:
        """Return or raise when sending ended without having been asked to."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it sends; an unreachable broker shows in answers, not here."""
        running = self._task is not None and not self._task.done()
        return Health(ready=running and not self._stopping, reason="" if running else "not sending")

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            if not self._closed:
                early = self._open.opened_at + self._window - self._clock.monotonic()
                if early > 0:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(early):
                            await self._enough.wait()
            self._enough.clear()
            flush = self._take()
            if flush.outputs:
                await self._send_one(flush)

    async def _send_one(self, flush: Flush) -> None:
        """Send a flush and settle it, whatever happens. An error that is not `TryLater` ends the lane."""
        began = self._clock.monotonic()
        error: BudstikkeError | None = TryLater("broker_unavailable", "the outcome of the write is not known")
        self._sending = flush.partition
        try:
            await self._send(flush.outputs, deadline=_SEND_SECONDS)
            error = None
        except TryLater as reason:
            error = TryLater("broker_unavailable", reason.detail)
        finally:
            self._metrics.sent(len(flush.outputs), self._clock.monotonic() - began)
            self._sending = None
            self._settle(flush, error)
            if error is not None:
                self._fail_closed(flush.partition, error)

    def _fail_closed(self, partition: int, error: BudstikkeError) -> None:
        """Nothing of these was written; each would wait as long for the same partition."""
        failed = [flush for flush in self._closed if flush.partition == partition]
        self._closed = deque(flush for flush in self._closed if flush.partition != partition)
        for flush in failed:
            self._settle(flush, error)

    def _outstayed(self) -> bool:
        """Whether a write to the open flush's partition lasts beyond its turn, and there is another partition."""
        partition = self._open.partition
        return partition == self._sending and self.partitions > 1 and self._clock.monotonic() >= self._turn_ends

    def _take(self) -> Flush:
        """The oldest flush; nothing more is added to it."""
        if self._closed:
            flush = self._closed.popleft()
        else:
            flush = self._open
            self._turn()
        if not self._closed and not self._open.outputs:
            self._wanted.clear()
        return flush

    def _turn(self) -> None:
        """Open the next flush: of the next partition, when this one's turn is over."""
        partition, now = self._open.partition, self._clock.monotonic()
        if now >= self._turn_ends or len(self._open.outputs) >= _MOST_RECORDS:
            partition, self._turn_ends = (partition + 1) % self.partitions, now + self._turn_lasts
        self._open = Flush(partition)

    def _settle(self, flush: Flush, error: BudstikkeError | None) -> None:
        self.release(len(flush.outputs))
        flush.settle(error)
