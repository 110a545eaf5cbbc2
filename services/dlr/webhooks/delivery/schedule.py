"""When to try again, and when no more. Pure.

Back-off from 5 s, doubling, with up to a quarter on top at random, and a last attempt 24 h after the first.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from random import Random
from typing import Final

import msgspec

from services.dlr.webhooks.client.outcome import Failure, Outcome

FIRST: Final = timedelta(seconds=5)
IN_ALL: Final = timedelta(hours=24)
LONGEST_ASKED: Final = timedelta(hours=1)
"""Most of a `Retry-After` that is honoured."""
LEAST_ASKED: Final = timedelta(seconds=60)
"""A `Retry-After` makes us come earlier than our own back-off, but not earlier than this."""
FAILING: Final = timedelta(days=3)
"""Nothing but failures for so long switches an endpoint off."""

GONE: Final = 410
_ASKS: Final = frozenset({429, 503})
_DOUBLINGS: Final = 15  # 5 s × 2^15 is beyond 24 h
_JITTER: Final = 0.25


class End(StrEnum):
    """Why a delivery ended without success."""

    TIME_IS_UP = "time_is_up"
    GONE = "gone"
    """The endpoint answered 410."""
    SWITCHED_OFF = "switched_off"
    """The endpoint is switched off or was deleted."""
    URL_REFUSED = "url_refused"
    """The URL of a callback cannot be one of ours to call."""
    UNREADABLE = "unreadable"
    """The event does not open any more."""


class Done(msgspec.Struct, frozen=True):
    """The customer has it."""


class Again(msgspec.Struct, frozen=True):
    """Try again then."""

    due: datetime


class Dead(msgspec.Struct, frozen=True):
    """Never by itself again."""

    end: End


def next_step(
    outcome: Outcome, attempts: int, first_at: datetime, now: datetime, random: Random
) -> Done | Again | Dead:
    """What follows from the outcome of an attempt; `attempts` counts it."""
    if outcome.ok:
        return Done()
    if outcome.status == GONE:
        return Dead(End.GONE)
    end = first_at + IN_ALL
    if now >= end:
        return Dead(End.TIME_IS_UP)
    wait = backoff(attempts)
    if outcome.status in _ASKS and outcome.retry_after is not None:
        asked = retry_after(outcome.retry_after, now)
        if asked is not None:
            wait = min(max(asked, min(wait, LEAST_ASKED)), LONGEST_ASKED)
    return Again(min(now + wait * random.uniform(1.0, 1.0 + _JITTER), end))


def backoff(attempts: int) -> timedelta:
    """The wait after so many attempts, before chance."""
    return FIRST * (1 << min(max(attempts - 1, 0), _DOUBLINGS))


def retry_after(value: str, now: datetime) -> timedelta | None:
    """A `Retry-After` header (RFC 9110 §10.2.3: seconds or a date); None when it is neither, never negative."""
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return timedelta(seconds=int(value))
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(at - now, timedelta(0))


def counts_as_failing(outcome: Outcome) -> bool:
    """Whether it speaks against the endpoint: not when nothing was sent."""
    return not outcome.ok and outcome.failure is not Failure.BUSY
