"""The catalogue on a broker: what it says in a table, what is missing there, what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from shared.contracts.topics import Profile, Topic
from shared.contracts.topics import catalogue as topics_of
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import Drift, DriftKind, TopicSpec, compare, create

_CLIENT = "topics"
_HEAD = ("topic", "partitions", "replicas", "kept", "key", "personal data", "written by", "read by")


class Catalogue(msgspec.Struct, frozen=True):
    """The topics of a system with these operators, in the size of a profile."""

    operators: tuple[str, ...]
    profile: Profile

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Every topic, dead letters included."""
        return topics_of(self.operators)

    @property
    def specs(self) -> tuple[TopicSpec, ...]:
        """As a broker is told to create them."""
        return tuple(topic.spec(self.profile) for topic in self.topics)

    def create(self, bootstrap: str) -> frozenset[str]:
        """Create what is missing, and leave what is there; the new names. Raises TryLater, Refused."""
        return asyncio.run(create(_connection(bootstrap), self.specs))

    def compare(self, bootstrap: str) -> list[Drift]:
        """Where the broker differs. Raises TryLater."""
        return asyncio.run(compare(_connection(bootstrap), self.specs))

    def table(self) -> list[str]:
        """The lines of a table for people."""
        return _aligned([_HEAD, *(_row(topic, topic.spec(self.profile)) for topic in self.topics)])


def remedy(drift: Drift) -> str:
    """One difference as a line: what is, what should be, and what to do about it."""
    match drift.kind:
        case DriftKind.MISSING:
            return f"{drift.topic}: missing; create it"
        case DriftKind.PARTITIONS:
            return (
                f"{drift.topic}: {drift.found} partitions instead of {drift.expected}; "
                "more can be added, fewer need a new topic, and message topics need the same number everywhere"
            )
        case DriftKind.REPLICATION:
            return f"{drift.topic}: {drift.found} replicas instead of {drift.expected}; reassign its partitions"
        case DriftKind.CONFIG:
            found, expected = ("the default" if value is None else value for value in (drift.found, drift.expected))
            return f"{drift.topic}: {drift.setting} is {found} instead of {expected}; alter it"


def _connection(bootstrap: str) -> KafkaSettings:
    return KafkaSettings(bootstrap=bootstrap, client_id=_CLIENT)


def _row(topic: Topic, spec: TopicSpec) -> tuple[str, ...]:
    return (
        topic.name,
        str(spec.partitions),
        str(spec.replication),
        topic.kept,
        topic.keyed_by,
        topic.personal,
        ", ".join(topic.producers) or "-",
        ", ".join(topic.consumers) or "-",
    )


def _aligned(rows: Sequence[Iterable[str]]) -> list[str]:
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*columns, strict=True)
    ]
