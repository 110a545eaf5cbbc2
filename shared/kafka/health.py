"""What a stage says of itself to the probes: never whether Kafka answers, always whether this process still works."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from shared import lifecycle
from shared.kafka.record import TopicPartition


class Pause(StrEnum):
    """Why a partition is not being read. Only too many dead letters do not end by themselves; waiting is for a time
    that is due.
    """

    FULL = "full"
    RETRYING = "retrying"
    WAITING = "waiting"
    DEAD_LETTERS = "dead_letters"


class Health(lifecycle.Health, frozen=True, kw_only=True):
    """One stage at one moment.

    `ready`: partitions were assigned (perhaps none) and each is positioned, and the stage is not stopping.
    `live`: the poll loop goes round and nothing fatal has happened; a stage that is not live must be restarted.
    `paused`: partitions not being read, and why. `poll_age`: seconds since the poll loop last went round.
    """

    assigned: frozenset[TopicPartition]
    paused: Mapping[TopicPartition, Pause]
    poll_age: float
