"""The states of a message and the legal moves between them, as data.

Forward jumps imply the states they skip. A repeat is nothing. Anything else is a move backwards: recorded, counted,
never applied. The fold that applies the table lives in one place, `services.dlr.status`.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a message is, as its customer sees it."""

    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    HELD = "held"
    QUEUED = "queued"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    BUFFERED = "buffered"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset(
    {State.DELIVERED, State.UNDELIVERED, State.EXPIRED, State.REJECTED, State.FAILED, State.CANCELLED},
)
"""No fact moves a message out of these; a later receipt makes a correction beside them."""

TAKEN = frozenset({State.SUBMITTED, State.BUFFERED, State.DELIVERED, State.UNDELIVERED})
"""An operator took the message (or, for `expired`, perhaps parts of it): these are charged."""

PASSING = frozenset({State.ACCEPTED, State.QUEUED})
"""A message leaves these by itself, mostly within a second: it waits for nobody, and nothing is known of it yet."""

TRANSITIONS: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.ACCEPTED, State.HELD, State.REJECTED, State.CANCELLED}),
    State.ACCEPTED: frozenset({State.HELD, State.QUEUED, State.REJECTED, State.EXPIRED, State.CANCELLED}),
    State.HELD: frozenset({State.SCHEDULED, State.ACCEPTED, State.REJECTED, State.EXPIRED, State.CANCELLED}),
    State.QUEUED: frozenset(
        {
            State.SUBMITTED,
            State.BUFFERED,
            State.DELIVERED,
            State.UNDELIVERED,
            State.UNKNOWN,
            State.REJECTED,
            State.FAILED,
            State.EXPIRED,
            State.CANCELLED,
        },
    ),
    State.UNKNOWN: frozenset(
        {
            State.QUEUED,
            State.SUBMITTED,
            State.BUFFERED,
            State.DELIVERED,
            State.UNDELIVERED,
            State.FAILED,
            State.EXPIRED,
        },
    ),
    State.SUBMITTED: frozenset({State.BUFFERED, State.DELIVERED, State.UNDELIVERED, State.EXPIRED}),
    State.BUFFERED: frozenset({State.DELIVERED, State.UNDELIVERED, State.EXPIRED}),
}
"""Legal single moves. Final states have no row."""


def _closure() -> dict[State, frozenset[State]]:
    """Every state that can be reached by legal moves, so that a jump over skipped states is one look-up."""
    reach: dict[State, frozenset[State]] = {}
    for start in State:
        seen: set[State] = set()
        edge = set(TRANSITIONS.get(start, frozenset()))
        while edge:
            seen |= edge
            edge = {after for state in edge for after in TRANSITIONS.get(state, frozenset())} - seen
        reach[start] = frozenset(seen - {start})
    return reach


REACHABLE: dict[State, frozenset[State]] = _closure()
"""States that a message may still come to, in one jump or several."""


def may_move(before: State, after: State) -> bool:
    """Whether `after` lies ahead of `before`, with or without states skipped in between."""
    return after in REACHABLE[before]
