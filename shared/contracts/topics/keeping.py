"""How long records are kept, and what differs between one machine and production."""

from __future__ import annotations

from enum import StrEnum

import msgspec

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class Kept(StrEnum):
    """Retention class, with the broker settings behind it (`settings_of`)."""

    FLOW = "flow"
    DAY = "day"
    MONTH = "month"
    FINANCE = "finance"
    COMPACTED = "compacted"
    TABLE = "table"


class Profile(msgspec.Struct, frozen=True):
    """What differs between one machine and production."""

    message_partitions: int
    other_partitions: int
    replication: int
    min_insync: int


LOCAL = Profile(message_partitions=4, other_partitions=1, replication=1, min_insync=1)
PRODUCTION = Profile(message_partitions=12, other_partitions=12, replication=3, min_insync=2)
PROFILES = {"local": LOCAL, "production": PRODUCTION}


def _deleted(*, after: int, segments: int = 1) -> dict[str, str]:
    """Settings of a topic whose records are deleted after so many days, in segments of so many."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(after * _DAY_MS),
        "segment.ms": str(segments * _DAY_MS),
        "message.timestamp.type": "LogAppendTime",
    }


def _compacted(*, within_ms: int) -> dict[str, str]:
    """Settings of a topic that keeps the last record of each key, and older ones for so long."""
    return {
        "cleanup.policy": "compact",
        "max.compaction.lag.ms": str(within_ms),
        "min.cleanable.dirty.ratio": "0.1",
        "delete.retention.ms": str(7 * _DAY_MS),
        "message.timestamp.type": "LogAppendTime",
    }


_SETTINGS: dict[Kept, dict[str, str]] = {
    Kept.FLOW: _deleted(after=7),
    Kept.DAY: _deleted(after=1),
    Kept.MONTH: _deleted(after=30),
    Kept.FINANCE: _deleted(after=395, segments=30),
    Kept.COMPACTED: _compacted(within_ms=_DAY_MS),
    Kept.TABLE: _compacted(within_ms=_HOUR_MS),
}


def settings_of(kept: Kept, profile: Profile) -> dict[str, str]:
    """Broker settings of a retention class.

    `flow`: seven days with segments of one day and broker time, so a record is gone in eight days whatever a
    producer's clock says; the broker judges age by whole segments.

    `day` and `month`: the same with one day, and with thirty.

    `finance`: thirteen months, so that a year can be read again; nothing of people is in it.

    `compacted`: the last record of each key stays; an older one is gone a day later (the lag also rolls the segment),
    and a tombstone after seven more, time enough for a reader that was away.

    `table`: the same with one hour, for what a consumer keeps beside each partition that it reads: as many partitions
    as that topic, and each instance reads those that it owns, whole, whenever it gets them.
    """
    return {**_SETTINGS[kept], "min.insync.replicas": str(profile.min_insync)}
