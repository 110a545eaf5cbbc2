"""What one assignment has handed out and not yet seen finished."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.kafka.offsets import OffsetTracker
from shared.kafka.port import Mark
from shared.kafka.record import E, Received, Record, TopicPartition
from shared.kafka.share import Share


class Tenure:
    """The time between an assignment and its revocation.

    A finish that comes after the tenure is over, or for a record that is finished, is nothing: the next owner gets
    the record again. All calls from one event loop.
    """

    def __init__(self, shares: Sequence[Share], most: int) -> None:
        self.shares = shares
        self._most = most
        self._open = 0
        self._trackers: dict[tuple[str, int], OffsetTracker] = {}
        self._changed = asyncio.Event()
        self._closing = False
        self._over = False

    def __len__(self) -> int:
        return self._open

    @property
    def room(self) -> int:
        """How many more records may be handed out."""
        return max(self._most - self._open, 0)

    def start(self, share: Share) -> None:
        """The share has its position: begin to track it."""
        self._trackers[share.partition] = OffsetTracker(share.position)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._over

    def take(self, share: Share, most: int) -> list[Record]:
        """Hand out records of a share."""
        records = share.take(most)
        if records:
            self._trackers[share.partition].deliver([record.offset for record in records], share.next_offset)
            self._open += len(records)
        return records

    def finish(self, received: Received[E]) -> None:
        """The work on this record is durable."""
        self.finish_record(received.record)

    def finish_record(self, record: Record) -> None:
        """The same, for a record that was never decoded."""
        tracker = self._trackers.get((record.topic, record.partition))
        if tracker is not None and tracker.finish(record.offset):
            self._open -= 1
            self._changed.set()

    def unfinished(self, record: Record) -> bool:
        """Whether it is handed out and not finished."""
        tracker = self._trackers.get((record.topic, record.partition))
        return tracker is not None and tracker.unfinished(record.offset)

    def abandon(self, share: Share) -> None:
        """Track it no more: its offset stays where it was last committed."""
        tracker = self._trackers.pop(share.partition, None)
        if tracker is not None:
            self._open -= len(tracker)
            self._changed.set()

    def close(self) -> None:
        """Nothing more will be taken; what is handed out may still finish."""
        self._closing = True
        self._changed.set()

    def end(self) -> None:
        """Over."""
        self._over = True
        self._trackers.clear()
        self._open = 0
        self._changed.set()

    def committable(self) -> dict[TopicPartition, Mark]:
        """Marks that are ahead of the committed ones, or say more."""
        ahead = {}
        for share in self.shares:
            tracker = self._trackers.get(share.partition)
            if tracker is None:
                continue
            tracker.advance(share.next_offset)
            mark = share.mark_at(tracker.committable())
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
        """Wait until everything is finished."""
        while self._open:
            self._changed.clear()
            await self._changed.wait()
