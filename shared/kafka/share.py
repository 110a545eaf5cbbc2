"""One partition from assignment to revocation."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from itertools import islice

import msgspec

from shared.kafka.health import Pause
from shared.kafka.port import Consumer, Fetched, Mark
from shared.kafka.record import Record, TopicPartition
from shared.kafka.suspicion import Suspicion, read_note


class Bounds(msgspec.Struct, frozen=True):
    """How much may wait in one partition's backlog before its fetching pauses; it resumes at half of that."""

    records: int = 2000
    bytes: int = 4_194_304


class Share:
    """A stage's share of a topic: what was fetched of one partition, and how far it is committed.

    Nothing enters before `start`. `arrived` is set whenever there is something to look at: records, a new
    position, or the end. Several shares may have one `arrived`.
    """

    def __init__(self, partition: TopicPartition, consumer: Consumer, arrived: asyncio.Event, bounds: Bounds) -> None:
        self.partition = partition
        self.arrived = arrived
        self.ready = False
        self.closed = False
        self.position = 0
        self.mark = Mark(0)
        self.suspicion: Suspicion | None = None
        self.trouble: Pause | None = None
        self._consumer = consumer
        self._bounds = bounds
        self._backlog: deque[Record] = deque()
        self._bytes = 0
        self._full = False
        self._closing = asyncio.Event()

    def __len__(self) -> int:
        """How many records may be taken now: suspects one at a time."""
        return 1 if self.suspected else len(self._backlog)

    def __iter__(self) -> Iterator[Record]:
        return islice(self._backlog, len(self))

    @property
    def suspected(self) -> bool:
        """Whether the next record may be the one that ends the process."""
        backlog, suspicion = self._backlog, self.suspicion
        return suspicion is not None and bool(backlog) and backlog[0].offset <= suspicion.offset

    @property
    def committed(self) -> int:
        """The group's offset, as far as we know."""
        return self.mark.offset

    @property
    def reading(self) -> bool:
        """Whether it should be moving if there is anything to read."""
        return self.ready and not self.closed and self.pause is None

    @property
    def next_offset(self) -> int:
        """The offset behind everything taken: commit this when all of it is finished."""
        return self._backlog[0].offset if self._backlog else self.position

    @property
    def pause(self) -> Pause | None:
        """Why it is not being read."""
        return self.trouble or (Pause.FULL if self._full else None)

    async def start(self) -> None:
        """Read on from the group's committed offset, or from the beginning; forget what was fetched.

        (aiokafka's own `seek_to_committed` skips a partition without a commit, and so would lose its first batch.)
        """
        mark = await self._consumer.committed(self.partition)
        if mark is None:
            mark = Mark(await self._consumer.beginning(self.partition))
        if self.closed:
            return
        self._forget()
        self._full = False
        self.trouble = None
        self.mark = mark
        self.suspicion = read_note(mark.note)
        self.position = mark.offset
        self._consumer.seek(self.partition, mark.offset)
        self._consumer.resume(self.partition)
        self.ready = True

    def suspend(self) -> None:
        """Take nothing in until the next `start`."""
        self.ready = False
        self._forget()
        if not self.closed:
            self._consumer.pause(self.partition)

    def add(self, fetched: Fetched) -> None:
        """Take in what a poll brought; pause when that is enough."""
        self._backlog.extend(fetched.records)
        self._bytes += sum(len(record.value) for record in fetched.records if record.value)
        self.position = fetched.position
        if not self._full and (len(self._backlog) > self._bounds.records or self._bytes > self._bounds.bytes):
            self._full = True
            self._consumer.pause(self.partition)
        self.arrived.set()

    def take(self, most: int) -> list[Record]:
        """Remove up to `most` records, oldest first."""
        backlog, most = self._backlog, min(most, len(self))
        if len(backlog) == most:
            taken = list(backlog)
            backlog.clear()
            self._bytes = 0
        else:
            taken = [backlog.popleft() for _ in range(most)]
            self._bytes -= sum(len(record.value) for record in taken if record.value)
        if self._full and 2 * len(backlog) <= self._bounds.records and 2 * self._bytes <= self._bounds.bytes:
            self._full = False
            if not self.closed:
                self._consumer.resume(self.partition)
        return taken

    def mark_at(self, offset: int) -> Mark:
        """What to commit when everything before `offset` is finished."""
        suspicion = self.suspicion
        return Mark(offset, suspicion.note if suspicion is not None and offset <= suspicion.offset else "")

    def strike(self, offset: int) -> int:
        """The record at `offset` ends the process: how often that is now. To be committed with the next mark."""
        before = self.suspicion.strikes if self.suspicion is not None and self.suspicion.offset == offset else 0
        self.suspicion = Suspicion(offset, before + 1)
        return before + 1

    def suspect(self, offset: int) -> None:
        """One of the records up to `offset` ends the process; which one will show when they are handled alone."""
        self.suspicion = Suspicion(offset, 0)

    def halt(self, why: Pause) -> None:
        """Read no more of it until it is assigned anew."""
        self.trouble = why
        self.suspend()

    def _forget(self) -> None:
        self._backlog.clear()
        self._bytes = 0

    def close(self) -> None:
        """It is being revoked: nothing more will be taken."""
        self.closed = True
        self._closing.set()
        self.arrived.set()

    async def sleep(self, seconds: float | None) -> None:
        """Wait, but not beyond the end. None waits for the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return
