"""What a runner over chosen partitions is given: the choice, and the handler of what comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from shared.kafka.record import Record, TopicPartition


class Choice(Protocol):
    """Which partitions to read, and by what right. A term tells one time of having a partition from the next."""

    async def choose(self) -> Mapping[TopicPartition, int]:
        """The partitions to read now, each with its term. Raises TryLater when that is not known: then all stays."""
        ...

    def holds(self, partition: TopicPartition, term: int) -> bool:
        """Whether the term lasts. Once it does not, somebody else may be reading the partition."""
        ...

    async def applied(self, chosen: Mapping[TopicPartition, int]) -> None:
        """Nobody works on anything but this any more; what was finished of the rest is committed, as a rule."""
        ...


class Lot(msgspec.Struct, frozen=True, gc=False):
    """Records of one partition, in their order, at least one, and the term under which they were read."""

    partition: TopicPartition
    term: int
    records: Sequence[Record]


class Done(msgspec.Struct, frozen=True, gc=False):
    """How many records of a lot are finished, from the first on; of that partition nothing comes for `wait` seconds."""

    records: int
    wait: float = 0.0


class ChosenHandler(Protocol):
    """Finishes lots, or the first records of each. Raises TryLater to be called again with the same lots, as far as
    they are still ours.
    """

    async def __call__(self, lots: Sequence[Lot]) -> Sequence[Done]:
        """What became of each lot, in their order. Work that is done twice must do no harm."""
        ...
