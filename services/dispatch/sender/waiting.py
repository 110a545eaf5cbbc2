"""What waits to be submitted: when to look for what has to end, and what to let go of. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence, Set
from datetime import datetime, timedelta
from typing import Final

from services.dispatch.sender.work import Attempt
from shared.contracts.events import DispatchOrdered

_A_WHILE: Final = timedelta(seconds=60)
"""Between two operators of which a link stands at one process and is down at another a message goes no faster."""


class Waiting(deque[Attempt]):
    """Attempts without an intent, in their order; more may be put back at any time.

    A look at them may find something that has to end: at the first end of a validity, and whenever opt-outs have become
    known since the last look. `over` says that nobody stands by to submit what is put back.
    """

    def __init__(self, attempts: Iterable[Attempt], opt_outs: Callable[[], int]) -> None:
        super().__init__(attempts)
        self.over = False
        self._first_end = min((attempt.ends_at for attempt in self), default=None)
        self._finishes = {attempt.parcel.finish for attempt in self}
        self._opt_outs = opt_outs
        self._seen = -1

    def add(self, attempt: Attempt) -> None:
        """One more, which was not here before."""
        self.append(attempt)
        self._finishes.add(attempt.parcel.finish)
        self._expect([attempt])

    def put_back(self, attempts: Sequence[Attempt]) -> None:
        """Of those that were here, or the next attempts after them, these go first. The last look did not see them."""
        if attempts:
            self.extendleft(reversed(attempts))
            self._expect(attempts)

    def is_due(self, now: datetime) -> bool:
        """Whether to look now; what has ended by now is looked for once, unless `look_again` is called."""
        seen, self._seen = self._seen, self._opt_outs()
        if self._first_end is None or self._first_end > now:
            return seen != self._seen
        self._first_end = min((attempt.ends_at for attempt in self if attempt.ends_at > now), default=None)
        return True

    def look_again(self) -> None:
        """What was found could not end yet, or something is new."""
        self._seen = -1

    def _expect(self, attempts: Sequence[Attempt]) -> None:
        ends = [attempt.ends_at for attempt in attempts]
        self._first_end = min(ends if self._first_end is None else [self._first_end, *ends])
        self.look_again()

    def drop(self, those: Set[Attempt]) -> None:
        """Keep the others."""
        kept = [attempt for attempt in self if attempt not in those]
        self.clear()
        self.extend(kept)

    def leave(self) -> None:
        """Begin nothing more of partitions that are closing."""
        closing = {finish for finish in self._finishes if finish.closing}
        if closing:
            self._finishes -= closing
            left = [attempt for attempt in self if attempt.parcel.finish in closing]
            self.drop(set(left))
            for attempt in left:
                attempt.parcel.part_left()


def tried(order: DispatchOrdered, now: datetime) -> Sequence[str]:
    """The operators that a message may not go to from here: this one, and for a while those that it came back from, of
    which one may be within reach again after that.
    """
    return (order.operator,) if now - order.ordered_at >= _A_WHILE else (*order.tried, order.operator)


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
