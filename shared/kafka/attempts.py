"""Running a handler over a batch, and finding the record that makes it fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from shared.errors import BadRecord, Fatal, Refused, TryLater
from shared.kafka.record import Decode, E, Received, Record, TopicPartition

T = TypeVar("T")


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A record for the dead-letter topic."""

    record: Record
    error: Refused


class Poison(Fatal):
    """A record that makes the handler raise what it should not raise."""

    def __init__(self, record: Record, error: Exception) -> None:
        place = f"{record.topic}[{record.partition}] offset {record.offset}"
        super().__init__("kafka_handler_failed", f"{place}: {type(error).__name__}")
        self.record = record


class Attempt(Generic[E, T]):
    """One batch on its way through decoding and handling.

    `results` are the handler's answers, in the order of the records; more than one when the batch had to be split.
    """

    def __init__(self, records: Sequence[Record], decode: Decode[E]) -> None:
        self.records = records
        self.received: list[Received[E]] = []
        self.rejected: list[Rejected] = []
        self.results: list[T] = []
        for record in records:
            try:
                self.received.append(Received(record, decode(record)))
            except BadRecord as error:
                self.rejected.append(Rejected(record, error))
        self._settled = len(self.rejected)

    async def run(self, handle: Callable[[Sequence[Received[E]]], Awaitable[T]]) -> None:
        """Handle what could be decoded, halving whatever fails down to the single record that does.

        A record that is refused joins `rejected`. Raises TryLater and Fatal as they come; any other error, once it
        is pinned on a record, as Poison.
        """
        self.results.clear()
        del self.rejected[self._settled :]
        if self.received:
            await self._halve(self.received, handle)

    def quarantine(self, record: Record, strikes: int) -> None:
        """Handle this record no more: it has ended the process too often."""
        self.received = [received for received in self.received if received.record is not record]
        reason = Refused("quarantined", f"ended the process {strikes} times")
        self.rejected.insert(self._settled, Rejected(record, reason))
        self._settled += 1

    def dead_offsets(self, partition: TopicPartition) -> frozenset[int]:
        """Offsets of that partition's rejected records."""
        return frozenset(r.record.offset for r in self.rejected if (r.record.topic, r.record.partition) == partition)

    async def _halve(
        self, batch: Sequence[Received[E]], handle: Callable[[Sequence[Received[E]]], Awaitable[T]]
    ) -> None:
        try:
            self.results.append(await handle(batch))
        except (TryLater, Fatal):
            raise
        except Exception as error:
            if len(batch) == 1:
                self._blame(batch[0].record, error)
                return
        else:
            return
        middle = len(batch) // 2
        await self._halve(batch[:middle], handle)
        await self._halve(batch[middle:], handle)

    def _blame(self, record: Record, error: Exception) -> None:
        if not isinstance(error, Refused):
            raise Poison(record, error) from error
        self.rejected.append(Rejected(record, error))
