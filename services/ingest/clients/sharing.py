"""Which process reads which of the client systems' partitions. Pure.

Every partition belongs to one of 64 shares by a hash of its name. A share is leased to one process at a time
(`leases`); each holds its fair part of them, and what it has beyond that it gives to those that have come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from shared.kafka.record import TopicPartition

SHARES: Final = 64
"""The same for every process, also of an older version: else two would read one partition."""


class Standing(msgspec.Struct, frozen=True):
    """A share as the database has it. `free` once nobody has it any more, given back or not renewed in time."""

    share: int
    owner: str
    epoch: int
    free: bool


class Plan(msgspec.Struct, frozen=True):
    """What to do about it."""

    give: Sequence[int]
    take: Sequence[int]


def share_of(partition: TopicPartition) -> int:
    """The share that a partition belongs to."""
    return int.from_bytes(blake2b(str(partition).encode(), digest_size=4).digest(), "big") % SHARES


def plan(mine: Sequence[int], shares: Sequence[Standing], readers: int) -> Plan:
    """Give what is beyond a fair part of all shares; take what is free, up to it. Parts differ by rounding up."""
    fair = math.ceil(SHARES / max(readers, 1))
    held = sorted(mine)
    free = [one.share for one in shares if one.free and one.share not in held]
    return Plan(give=held[fair:], take=free[: max(fair - len(held), 0)])


def hungry(held: int, readers: int) -> bool:
    """Whether somebody must be about to give this process something."""
    return held < SHARES // max(readers, 1)
