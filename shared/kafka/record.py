"""What goes in and out of a stage: records as Kafka holds them, and events as the service knows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

E = TypeVar("E")
EventT = TypeVar("EventT")

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
"""Foreign ones may have no value."""


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record as it lies on a topic. `timestamp` is epoch milliseconds; a header may occur more than once."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Output(msgspec.Struct, frozen=True, gc=False):
    """One record to be written. The caller chooses the partition: the client's own partitioner is never used."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Received(msgspec.Struct, Generic[E], frozen=True, gc=False):
    """A record together with the event it decodes to."""

    record: Record
    event: E


Decode: TypeAlias = Callable[[Record], EventT]
"""Makes an event of a record, in microseconds and without I/O; raises `BadRecord` for one that can never be read."""


def header(record: Record, name: str) -> bytes | None:
    """The first header of that name, or None, also where it has no value."""
    for key, value in record.headers:  # a third of the time that `next` takes
        if key == name:
            return value
    return None
