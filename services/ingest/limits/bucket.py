"""Token buckets of messages and of parts: what an account may ask for at once, and how fast it fills again. Pure.

A request that is larger than a whole bucket is let in when the bucket is full, and leaves a debt: it is delayed, never
shut out for good.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from services.ingest.accounts.account import Limits

SLOWEST: Final = 3600.0
"""Seconds."""


class Resource(StrEnum):
    """What is counted, in the order of the members of `Amount`."""

    MESSAGES = "messages"
    PARTS = "parts"


class Amount(NamedTuple):
    """Messages and parts: tokens of both buckets. Leases hold fractions."""

    messages: float
    parts: float


NOTHING: Final = Amount(0.0, 0.0)


class Rates(msgspec.Struct, frozen=True):
    """Tokens a second, and the size of each bucket."""

    per_second: Amount
    burst: Amount

    def shared_by(self, processes: int) -> Rates:
        """The part of one process of so many."""
        return Rates(
            Amount(*(one / processes for one in self.per_second)), Amount(*(one / processes for one in self.burst))
        )


class Level(NamedTuple):
    """What was in the buckets (less than nothing: a debt), and when, in seconds of any clock."""

    amount: Amount
    at: float


class Taken(NamedTuple):
    """What came of asking: the buckets afterwards, what was granted, or nothing and the seconds to wait."""

    level: Level
    granted: Amount | None
    wait: float


def rates_of(limits: Limits | None, default: Rates) -> Rates:
    """The rates of an account; a burst that is not given is as many seconds' worth as that of `default`.

    No bucket is smaller than one token, and none takes longer than `SLOWEST` to fill by one.
    """
    if limits is None:
        return default
    given = (
        (limits.messages_per_second, limits.messages_burst, default.per_second.messages, default.burst.messages),
        (limits.parts_per_second, limits.parts_burst, default.per_second.parts, default.burst.parts),
    )
    rates, bursts = [], []
    for rate, burst, usual_rate, usual_burst in given:
        per_second = usual_rate if rate is None else max(float(rate), 1 / SLOWEST)
        rates.append(per_second)
        bursts.append(max(1.0, usual_burst * per_second / usual_rate if burst is None else float(burst)))
    return Rates(Amount(*rates), Amount(*bursts))


def filled(level: Level, rates: Rates, now: float) -> Amount:
    """What is in the buckets now. A clock that went back fills nothing."""
    (messages, parts), at = level
    seconds = now - at if now > at else 0.0
    rate, parts_rate = rates.per_second
    most, most_parts = rates.burst
    messages += seconds * rate
    parts += seconds * parts_rate
    return Amount(min(most, messages), min(most_parts, parts))


def wait_for(there: Amount, rates: Rates, need: Amount) -> float:
    """Seconds until what is needed may be taken; 0 when it may be taken now."""
    waits = (
        (min(needed, burst) - left) / rate if needed > 0 else 0.0
        for left, needed, rate, burst in zip(there, need, rates.per_second, rates.burst, strict=True)
    )
    return max(0.0, *waits)


def take(level: Level, rates: Rates, now: float, need: Amount, want: Amount) -> Taken:
    """Take all that is needed and as much as there is of what is wanted (not less than needed), or nothing."""
    there = filled(level, rates, now)
    wait = wait_for(there, rates, need)
    if wait > 0:
        return Taken(Level(there, now), None, wait)
    granted = Amount(
        *(max(needed, min(wanted, left), 0.0) for left, needed, wanted in zip(there, need, want, strict=True))
    )
    left = Amount(*(one - gone for one, gone in zip(there, granted, strict=True)))
    return Taken(Level(left, now), granted, 0.0)
