"""Requests of about 5 ms become one produce, one batch of one partition: ids are minted for that whose turn it is.

Measured (CPU of this process a request): 186 µs with a send each, 119 µs gathered onto one partition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from typing import Final, Protocol

from services.ingest.api.flush import Flush
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

_PATIENCE: Final = 0.05
"""Seconds for which a flush of minted ids waits for the one before it: what comes meanwhile is company."""
_STUCK: Final = 1.0
"""Seconds after which a write is held to be one that its partition's leader does not answer."""
_SHUNNED: Final = 30.0
"""Seconds without minting for a partition after that: a write that times out fails others of its sender with it."""
_EARLY: Final = 1e-6
"""Seconds by which a timer may go off too soon."""
_SEND_SECONDS: Final = 5.0
_MOST_RECORDS: Final = 500
_MOST_WAITING: Final = 20_000


class Send(Protocol):
    """Writes records; `shared.kafka.sending.Sender.send` is one."""

    async def __call__(self, outputs: Sequence[Output], *, deadline: float) -> None:
        """Return when all replicas acknowledged; raise `TryLater` when that is not known."""
        ...


class Gathering:
    """The flushes of one lane: for each partition one that gathers and one in flight, at most.

    A flush goes when its window is over or `ENOUGH` records wait, and the one before it of its partition is settled.
    Ids are minted for one partition at a time: in turn, for an equal part of `ROUND` or one full flush, passing over
    those to which a write lasts, or failed after it was stuck. A flush of such ids also waits `_PATIENCE` for the one
    before it. A stuck write fails what gathered behind it too, and derived ids of its partition are refused. At most
    `most_waiting` records wait or are in flight.
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
        self._turn = (first_partition - 1) % partitions
        self._most_waiting = most_waiting
        self._waiting = 0
        self._open: dict[int, Flush] = {}
        self._sending: dict[int, Flush] = {}
        self._ahead: Flush | None = None
        self._shunned_until: dict[int, float] = {}
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._broken: Exception | None = None
        self._task: asyncio.Task[None] | None = None
        self._sends: set[asyncio.Task[None]] = set()

    def reserve(self, records: int, partition: int | None = None) -> None:
        """Take room for that many records, all or none; `partition` is that of derived ids.

        Raises `TryLater` (`over_capacity`, `stopping`; `broker_unavailable` when a write to the partition is stuck).
        Each is given back when its flush is settled, or by `release` when it never came to be added.
        """
        if self._stopping:
            raise TryLater("stopping", "the process is stopping")
        if self._waiting + records > self._most_waiting:
            raise TryLater("over_capacity", f"more than {self._most_waiting} records wait")
        if partition in self._sending and self._stuck(self._sending[partition]):
            raise TryLater("broker_unavailable", "a write to the partition is stuck")
        self._waiting += records
        self._idle.clear()

    def release(self, records: int) -> None:
        """Give back room that was reserved and not used."""
        self._waiting -= records
        if not self._waiting:
            self._idle.set()

    def flush(self, partition: int | None = None) -> Flush:
        """The flush that is open now, of the partition of derived ids or, to mint for, that whose turn it is. What is
        added to it in this step of the loop goes out with it.
        """
        now = self._clock.monotonic()
        place = self._minting(now) if partition is None else partition
        flush = self._open.get(place)
        if flush is None:
            flush = self._open[place] = Flush(place, now)
            self._wanted.set()
        elif len(flush.outputs) >= ENOUGH - 1 and place not in self._sending:
            self._wanted.set()
        flush.minted |= partition is None
        return flush

    async def start(self) -> None:
        """Begin to send."""
        self._stopping = False
        self._broken = self._ahead = None
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:
        """Take nothing more, send what waits within `deadline` seconds, fail the rest."""
        self._stopping = True
        if self._task is None:
            return
        if not self._task.done():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), deadline)
        await end(self._task, *self._sends)
        self._task = None
        # A send that was ended before its first step is still among those in flight.
        for flush in (*self._sending.values(), *self._open.values()):
            self._settle(flush, TryLater("stopping", "the process is stopping"))
        self._sending.clear()
        self._open.clear()

    async def wait(self) -> None:
        """Return or raise when sending ended without having been asked to."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it sends; an unreachable broker shows in answers, not here."""
        running = self._task is not None and not self._task.done()
        return Health(ready=running and not self._stopping, reason="" if running else "not sending")

    async def _run(self) -> None:
        while self._broken is None:
            self._wanted.clear()
            soonest = self._send_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if soonest == inf else soonest - self._clock.monotonic()):
                    await self._wanted.wait()
        raise self._broken

    def _send_due(self) -> float:
        """Begin to send what is due. Returns when the next will be, as `_due`."""
        now = self._clock.monotonic()
        soonest = inf
        for flush in list(self._open.values()):
            due = self._due(flush)
            if due > now + _EARLY:
                soonest = min(soonest, due)
                continue
            del self._open[flush.partition]
            if flush.outputs:
                self._begin(flush, now)
        return soonest

    def _due(self, flush: Flush) -> float:
        """When a flush may go; `inf` while one of its partition is in flight."""
        if flush.partition in self._sending:
            return inf
        due = flush.opened_at if len(flush.outputs) >= ENOUGH else flush.opened_at + self._window
        if flush.minted and self._ahead is not None:
            due = max(due, self._ahead.began_at + _PATIENCE)
        return due

    def _begin(self, flush: Flush, now: float) -> None:
        flush.began_at = now
        self._sending[flush.partition] = flush
        if flush.minted:
            self._ahead = flush
            if len(flush.outputs) >= _MOST_RECORDS and flush.partition == self._turn:
                self._turn_ends = now
        task = asyncio.create_task(self._send_one(flush))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _send_one(self, flush: Flush) -> None:
        """Send a flush and settle it, whatever happens. An error that is not `TryLater` ends the lane."""
        error: BudstikkeError | None = TryLater("broker_unavailable", "the outcome of the write is not known")
        try:
            await self._send(flush.outputs, deadline=_SEND_SECONDS)
            error = None
        except TryLater as reason:
            error = TryLater("broker_unavailable", reason.detail)
        except Exception as reason:
            self._broken = reason
        finally:
            self._metrics.sent(len(flush.outputs), self._clock.monotonic() - flush.began_at)
            del self._sending[flush.partition]
            if self._ahead is flush:
                self._ahead = None
            self._settle(flush, error)
            if error is not None and self._stuck(flush):
                self._shunned_until[flush.partition] = self._clock.monotonic() + _SHUNNED
                if flush.partition in self._open:
                    # Nothing of what gathered behind it was written, and it would wait as long.
                    self._settle(self._open.pop(flush.partition), error)
            self._wanted.set()

    def _stuck(self, flush: Flush) -> bool:
        """Whether a write lasts, or lasted, for longer than one does that is answered."""
        return self._clock.monotonic() >= flush.began_at + _STUCK

    def _minting(self, now: float) -> int:
        """The partition to mint for. The turn passes when a flush is full, or it is over and none is about to go."""
        flush = self._open.get(self._turn)
        waits = flush is None or self._turn in self._sending
        full = flush is not None and len(flush.outputs) >= _MOST_RECORDS
        if full or (waits and now >= self._turn_ends):
            others = [(self._turn + step) % self.partitions for step in range(1, self.partitions + 1)]
            self._turn = min(others, key=lambda one: (one in self._sending, self._shunned_until.get(one, 0.0) > now))
            self._turn_ends = now + self._turn_lasts
        return self._turn

    def _settle(self, flush: Flush, error: BudstikkeError | None) -> None:
        self.release(len(flush.outputs))
        flush.settle(error)
