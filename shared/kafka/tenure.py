"""What one assignment has handed out and not yet seen finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic

from shared.kafka.offsets import OffsetTracker
from shared.kafka.port import Mark
from shared.kafka.record import E, Received, Record, TopicPartition
from shared.kafka.share import Share


class Finishing(Generic[E]):
    """What a handler says of the records it was given: called with one, that its work is durable."""

    def __init__(self, tenure: Tenure) -> None:
        self._tenure = tenure

    def __call__(self, received: Received[E]) -> None:
        """The work on this record is durable."""
        self._tenure.finish(received.record)

    @property
    def closing(self) -> bool:
        """Whether the partitions are about to go: finish what is begun, give back what is not."""
        return self._tenure.closing

    def give_back(self, received: Received[E]) -> None:
        """The work on this record will not be done here. Raises ValueError unless `closing`: it would be stuck."""
        if not self.closing:
            raise ValueError("a record is given back only when its partition is")
        self._tenure.give_back(received.record)


class _Handed:
    """What is handed out of one share: what is unfinished, which of it came first in a batch, what nobody works on."""

    __slots__ = ("firsts", "given_back", "tracker")

    def __init__(self, position: int) -> None:
        self.tracker = OffsetTracker(position)
        self.firsts: set[int] = set()
        self.given_back: set[int] = set()

    def __len__(self) -> int:
        return len(self.tracker) - len(self.given_back)


class Tenure:
    """The time between an assignment and its revocation.

    A finish that comes after the tenure is over, or for a record that is finished, is nothing: the next owner gets
    the record again. All calls from one event loop.
    """

    def __init__(self, shares: Sequence[Share], most: int, first_finished: Callable[[Record], None]) -> None:
        """At most `most` records are out at once. `first_finished` hears of the first record that each `take` gave."""
        self.shares = shares
        self._most = most
        self._first_finished = first_finished
        self._open = 0
        self._handed: dict[tuple[str, int], _Handed] = {}
        self._changed = asyncio.Event()
        self._closing = False
        self._over = False

    def __len__(self) -> int:
        return self._open

    @property
    def room(self) -> int:
        """How many more records may be handed out."""
        return max(self._most - self._open, 0)

    @property
    def closing(self) -> bool:
        """Whether nothing more will be handed out."""
        return self._closing

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._over

    def start(self, share: Share) -> None:
        """The share has its position: begin to track it."""
        self._handed[share.partition] = _Handed(share.position)

    def take(self, share: Share, most: int) -> list[Record]:
        """Hand out records of a share."""
        records = share.take(most)
        if records:
            handed = self._handed[share.partition]
            handed.tracker.deliver([record.offset for record in records], share.next_offset)
            handed.firsts.add(records[0].offset)
            self._open += len(records)
        return records

    def finish(self, record: Record) -> None:
        """The work on this record is durable."""
        handed, offset = self._handed.get((record.topic, record.partition)), record.offset
        if handed is None or not handed.tracker.finish(offset):
            return
        if offset in handed.firsts:
            handed.firsts.remove(offset)
            self._first_finished(record)
        if offset in handed.given_back:
            handed.given_back.remove(offset)
        else:
            self._open -= 1
            self._changed.set()

    def give_back(self, record: Record) -> None:
        """Wait for it no more: whoever has the partition next gets it again, unless it is finished after all."""
        handed, offset = self._handed.get((record.topic, record.partition)), record.offset
        if handed is not None and handed.tracker.unfinished(offset) and offset not in handed.given_back:
            handed.given_back.add(offset)
            self._open -= 1
            self._changed.set()

    def unfinished(self, record: Record) -> bool:
        """Whether it is handed out and not finished."""
        handed = self._handed.get((record.topic, record.partition))
        return handed is not None and handed.tracker.unfinished(record.offset)

    def abandon(self, share: Share) -> None:
        """Track it no more: its offset stays where it was last committed."""
        handed = self._handed.pop(share.partition, None)
        if handed is not None:
            self._open -= len(handed)
            self._changed.set()

    def close(self) -> None:
        """Nothing more will be taken; what is handed out may still finish."""
        self._closing = True
        self._changed.set()

    def end(self) -> None:
        """Over."""
        self._over = True
        self._handed.clear()
        self._open = 0
        self._changed.set()

    def committable(self) -> dict[TopicPartition, Mark]:
        """Marks that are ahead of the committed ones, or say more."""
        ahead = {}
        for share in self.shares:
            handed = self._handed.get(share.partition)
            if handed is None:
                continue
            handed.tracker.advance(share.next_offset)
            mark = share.mark_at(handed.tracker.committable())
            if mark != share.mark:
                ahead[share.partition] = mark
        return ahead

    async def has_room(self) -> bool:
        """Wait until records may be handed out. False when no more will be."""
        while not self._closing and self._open >= self._most:
            self._changed.clear()
            await self._changed.wait()
        return not self._closing

    async def drained(self) -> None:
        """Wait until everything is finished or given back."""
        while self._open:
            self._changed.clear()
            await self._changed.wait()
