"""Running a handler over a batch, and finding the record that makes it fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Generic, TypeVar

import msgspec

from shared.errors import BadRecord, BudstikkeError, Fatal, Postponed, Refused, TryLater
from shared.kafka.record import Decode, E, Received, Record, TopicPartition

T = TypeVar("T")


class OnPostponed(Enum):
    """What becomes of a record for which the handler raises Postponed."""

    WAIT = "its batch waits, as for any dependency"
    MOVE = "it goes to the next retry topic"
    BURY = "it has been to all of them: a dead letter"


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A record that its handler did not take: for the dead-letter topic, or for a retry topic."""

    record: Record
    error: BudstikkeError


class Poison(Fatal):
    """A record that makes the handler raise what it should not raise, or never return."""

    def __init__(self, record: Record, code: str, why: str) -> None:
        super().__init__(code, f"{record.topic}[{record.partition}] offset {record.offset}: {why}")
        self.record = record


class Attempt(Generic[E, T]):
    """One batch on its way through decoding and handling.

    `results` are the handler's answers, in the order of the records; more than one when the batch had to be split.
    """

    def __init__(
        self, records: Sequence[Record], decode: Decode[E], on_postponed: OnPostponed = OnPostponed.WAIT
    ) -> None:
        self.records = records
        self.received: list[Received[E]] = []
        self.rejected: list[Rejected] = []
        self.postponed: list[Rejected] = []
        self._on_postponed = on_postponed
        self.results: list[T] = []
        for record in records:
            try:
                self.received.append(Received(record, decode(record)))
            except BadRecord as error:
                self.rejected.append(Rejected(record, error))
        self._settled = len(self.rejected)

    async def run(self, handle: Callable[[Sequence[Received[E]]], Awaitable[T]]) -> None:
        """Handle what could be decoded, halving whatever fails down to the single record that does.

        A record that is refused joins `rejected`, one that is postponed `postponed`. Raises TryLater and Fatal as they
        come; any other error, once it is pinned on a record, as Poison.
        """
        self.results.clear()
        self.postponed.clear()
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
        except Exception as error:
            if self._concerns_all(error):
                raise
            if len(batch) == 1:
                self._blame(batch[0].record, error)
                return
        else:
            return
        middle = len(batch) // 2
        await self._halve(batch[:middle], handle)
        await self._halve(batch[middle:], handle)

    def _concerns_all(self, error: Exception) -> bool:
        """Whether the error is not that of a single record."""
        if isinstance(error, Postponed):
            return self._on_postponed is OnPostponed.WAIT
        return isinstance(error, TryLater | Fatal)

    def _blame(self, record: Record, error: Exception) -> None:
        if isinstance(error, Postponed) and self._on_postponed is OnPostponed.MOVE:
            self.postponed.append(Rejected(record, error))
        elif isinstance(error, Postponed | Refused):
            self.rejected.append(Rejected(record, error))
        else:
            raise Poison(record, "kafka_handler_failed", type(error).__name__) from error
