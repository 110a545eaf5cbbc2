"""One part moves; all parts together say where the message is (contracts.md section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from services.dlr.status.message import Move, Part, Report
from shared.contracts.states import FINAL, REACHABLE, TAKEN, State

_OPEN: Final = (State.QUEUED, State.UNKNOWN, State.SUBMITTED, State.BUFFERED)
_RANK: Final[dict[State, int]] = {state: _OPEN.index(state) if state in _OPEN else len(_OPEN) for state in State}
"""Order within one attempt; all final states come last."""

_UNTAKEN: Final = frozenset({State.QUEUED, State.UNKNOWN})


def place(part: Part, report: Report, *, submission_known: bool) -> tuple[Part, Move]:
    """Apply a report to a part, or say why not. Facts order by (attempt, rank).

    A newer attempt starts anew unless an operator has the part already. Of an older attempt only two things still
    count: that it was delivered, and that an operator took it.
    """
    attempt = report.attempt or part.attempt
    if attempt < part.attempt:
        return _of_older(part, report)
    if part.state in FINAL or attempt == part.attempt:
        return _of_same(part, report, submission_known)
    ahead = report.state is part.state or report.state in REACHABLE[part.state]
    if part.state in _UNTAKEN or ahead:
        return _moved(part, report, attempt), Move.APPLIED
    return part, Move.BACKWARDS


def whole(parts: Sequence[Part]) -> Part:
    """The part that decides: the message is in its state, for its reason (but see `State.UNDELIVERED`).

    Open parts: the least advanced. All final: all delivered, else the last that was not; when any was taken, one
    that did not merely expire comes first.
    """
    still_open = [part for part in parts if part.state not in FINAL]
    if still_open:
        return min(still_open, key=lambda part: _RANK[part.state])
    missed = [part for part in parts if part.state is not State.DELIVERED]
    if any(part.taken for part in parts):
        missed = [part for part in missed if part.state is not State.EXPIRED] or missed
    return max(missed or parts, key=lambda part: (part.at, part.part))


def state_of(parts: Sequence[Part], decides: Part) -> State:
    """State of the message: that of the part that decides, except that a taken message cannot have failed."""
    if decides.state in FINAL - TAKEN - {State.EXPIRED} and any(part.taken for part in parts):
        return State.UNDELIVERED
    return decides.state


def _of_older(part: Part, report: Report) -> tuple[Part, Move]:
    if part.state not in FINAL and report.state is State.DELIVERED:
        return _moved(part, report, part.attempt), Move.APPLIED
    if not part.taken and report.state is State.SUBMITTED and part.state not in FINAL:
        return msgspec.structs.replace(part, taken=True), Move.LATE
    return part, Move.BACKWARDS


def _of_same(part: Part, report: Report, submission_known: bool) -> tuple[Part, Move]:
    if _RANK[report.state] > _RANK[part.state] and report.state in REACHABLE[part.state]:
        return _moved(part, report, part.attempt), Move.APPLIED
    if report.state is State.SUBMITTED and part.taken and not submission_known:
        operator, route_id = report.operator or part.operator, report.route_id or part.route_id
        return msgspec.structs.replace(part, operator=operator, route_id=route_id), Move.LATE
    return part, Move.REPEATED if report.state is part.state else Move.BACKWARDS


def _moved(part: Part, report: Report, attempt: int) -> Part:
    return Part(
        part=part.part,
        at=report.at,
        state=report.state,
        attempt=attempt,
        taken=part.taken or report.state in TAKEN or report.receipt is not None,
        operator=report.operator or part.operator,
        route_id=report.route_id or part.route_id,
        reason=report.reason,
        code=report.code,
        done_at=report.done_at,
    )
