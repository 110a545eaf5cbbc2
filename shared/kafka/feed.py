"""One partition that is read for itself: what waits, what is finished, and from when on it may go on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from shared.kafka.port import Consumer, Mark
from shared.kafka.record import Record, TopicPartition
from shared.kafka.share import Bounds, Share


class Feed:
    """A share whose records are taken in order, finished in order, and put back when they have to wait.

    `term` tells this time of reading the partition from any other. `until` is the monotonic time before which nothing
    is taken.
    """

    def __init__(self, partition: TopicPartition, term: int, consumer: Consumer, arrived: asyncio.Event) -> None:
        self.share = Share(partition, consumer, arrived, Bounds())
        self.term = term
        self.until = 0.0
        self.leaving = False
        self._consumer = consumer
        self._back: deque[Record] = deque()
        self._in = asyncio.Event()
        self._in.set()

    def __len__(self) -> int:
        return 0 if self.leaving else len(self._back) + len(self.share)

    @property
    def partition(self) -> TopicPartition:
        """Which."""
        return self.share.partition

    @property
    def finished(self) -> Mark:
        """What to commit: everything before it is finished."""
        return Mark(self._back[0].offset if self._back else self.share.next_offset)

    @property
    def ahead(self) -> bool:
        """Whether there is something to commit. Not while records are taken: whether they finish is not known."""
        return self.share.ready and self._in.is_set() and self.finished.offset > self.share.committed

    def take(self, most: int) -> Sequence[Record]:
        """Hand out up to `most` records; to be followed by `finish`."""
        records = [self._back.popleft() for _ in range(min(most, len(self._back)))]
        if len(records) < most:
            records += self.share.take(most - len(records))
        if records:
            self._in.clear()
        return records

    def finish(self, records: Sequence[Record], count: int) -> None:
        """The first `count` of the records handed out are finished; the others wait."""
        if not self._in.is_set() and not self.share.closed:
            self._back.extendleft(reversed(records[count:]))
        self._in.set()

    async def leave(self) -> None:
        """Hand out no more; return when nothing is out."""
        self.leaving = True
        await self._in.wait()

    async def restart(self, offset: int) -> None:
        """Read from `offset`, whatever was committed before; forget what waits, and what is out."""
        self._back.clear()
        self._in.set()
        await self._consumer.commit({self.partition: Mark(offset)})
        await self.share.start()
