"""What waits to be submitted: when to look for what has to end, and what to let go of. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from services.dispatch.sender.work import Attempt
from shared.contracts.events import DispatchOrdered

_A_WHILE: Final = timedelta(seconds=60)
"""Between two operators of which a link stands at one process and is down at another a message goes no faster."""


class Look:
    """When a look at what waits may find something that has to end: at the first end of a validity, and whenever
    opt-outs have become known since the last look.
    """

    def __init__(self, waiting: Iterable[Attempt], opt_outs: Callable[[], int]) -> None:
        self._first_end = min((attempt.ends_at for attempt in waiting), default=None)
        self._opt_outs = opt_outs
        self._seen = -1

    def is_due(self, now: datetime) -> bool:
        """Whether to look now."""
        seen, self._seen = self._seen, self._opt_outs()
        return seen != self._seen or (self._first_end is not None and self._first_end <= now)

    def repeat(self) -> None:
        """What was found could not end yet."""
        self._seen = -1


def leave(waiting: deque[Attempt]) -> None:
    """Begin nothing more of partitions that are closing."""
    closing = [attempt for attempt in waiting if attempt.parcel.closing]
    if closing:
        keep(waiting, [attempt for attempt in waiting if not attempt.parcel.closing])
        for attempt in closing:
            attempt.parcel.part_left()


def tried(order: DispatchOrdered, now: datetime) -> Sequence[str]:
    """The operators that a message may not go to from here: this one, and for a while those that it came back from, of
    which one may be within reach again after that.
    """
    return (order.operator,) if now - order.ordered_at >= _A_WHILE else (*order.tried, order.operator)


def keep(waiting: deque[Attempt], those: Sequence[Attempt]) -> None:
    """Of what waits, keep those."""
    waiting.clear()
    waiting.extend(those)


def leaving(waiting: Iterable[Attempt], most: int) -> Sequence[Attempt]:
    """What may go to another operator: whole messages, `most` parts or a little more."""
    waiting = [attempt for attempt in waiting if attempt.part.pdu is not None]
    unsent = Counter(attempt.parcel for attempt in waiting)
    chosen: list[Attempt] = []
    may_leave: dict[object, bool] = {}
    for attempt in waiting:
        parcel = attempt.parcel
        if parcel not in may_leave:
            may_leave[parcel] = len(chosen) < most and parcel.may_leave(unsent[parcel])
        if may_leave[parcel]:
            chosen.append(attempt)
    return chosen
