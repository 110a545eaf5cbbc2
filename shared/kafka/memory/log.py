"""Partitions in memory: offsets, transactions, markers, the last stable offset."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import msgspec

from shared.kafka.port import Fetched, Mark
from shared.kafka.record import Output, Record


class Fate(Enum):
    """How a transaction stands."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


class Transaction:
    """What one producer wrote since it began. Offsets take effect with the commit."""

    def __init__(self) -> None:
        self.fate = Fate.OPEN
        self.logs: set[Log] = set()
        self.marks: dict[tuple[str, str, int], Mark] = {}


class Entry(msgspec.Struct, frozen=True):
    """One offset: a record, or the marker that ends a transaction."""

    record: Record | None
    transaction: Transaction | None


class Log:
    """One partition."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.start = 0
        self._entries: list[Entry] = []
        self._open: dict[Transaction, int] = {}

    @property
    def end(self) -> int:
        """The next offset to be written."""
        return len(self._entries)

    @property
    def stable_end(self) -> int:
        """The first offset of an open transaction, or the end."""
        return min(self._open.values(), default=self.end)

    def append(self, output: Output, timestamp: int, transaction: Transaction | None) -> None:
        """Write a record."""
        record = Record(
            self.topic, self.partition, self.end, timestamp, output.key, output.value, tuple(output.headers)
        )
        if transaction is not None:
            transaction.logs.add(self)
            self._open.setdefault(transaction, self.end)
        self._entries.append(Entry(record, transaction))

    def mark(self, transaction: Transaction) -> None:
        """Write the marker of an ended transaction; it takes an offset that no reader sees."""
        self._entries.append(Entry(None, transaction))
        del self._open[transaction]

    def read(self, position: int, most: int) -> Fetched:
        """Committed records from a position on, and the position behind them and behind what is invisible."""
        records: list[Record] = []
        end = self.stable_end
        while position < end and len(records) < most:
            entry = self._entries[position]
            if entry.record is not None and (entry.transaction is None or entry.transaction.fate is Fate.COMMITTED):
                records.append(entry.record)
            position += 1
        while position < end and self._invisible(self._entries[position]):
            position += 1
        return Fetched(records, position)

    def committed(self) -> Sequence[Record]:
        """Every record that a reader of committed records can see."""
        return self.read(self.start, self.end + 1).records

    @staticmethod
    def _invisible(entry: Entry) -> bool:
        return entry.record is None or (entry.transaction is not None and entry.transaction.fate is Fate.ABORTED)
