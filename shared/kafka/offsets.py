"""How far a partition may be committed when its records finish in any order."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class OffsetTracker:
    """The contiguous finished prefix of one partition.

    Offsets have gaps (commit markers, aborted and compacted records), so the prefix is taken over the records that
    were delivered, never computed from the numbers: the first unfinished record is where a successor has to begin,
    and behind the last one that is the position of the reader.
    """

    def __init__(self, position: int) -> None:
        self._position = position
        self._delivered: deque[int] = deque()
        self._unfinished: set[int] = set()

    def __len__(self) -> int:
        return len(self._unfinished)

    def deliver(self, offsets: Sequence[int], position: int) -> None:
        """These were handed out, in ascending order; `position` is the next offset to be handed out.

        Raises ValueError for an offset that was delivered before, or a position that does not follow.
        """
        first, last = (offsets[0], offsets[-1]) if offsets else (self._position, self._position - 1)
        if first < self._position or last >= position:
            raise ValueError(f"offsets {first}..{last} do not lie between {self._position} and {position}")
        self._delivered.extend(offsets)
        self._unfinished.update(offsets)
        self._position = position

    def advance(self, position: int) -> None:
        """The reader moved on without records. Moving back is nothing."""
        self._position = max(self._position, position)

    def finish(self, offset: int) -> bool:
        """This one is done. False when it was done before, or never delivered."""
        if offset not in self._unfinished:
            return False
        self._unfinished.remove(offset)
        return True

    def unfinished(self, offset: int) -> bool:
        """Whether it was delivered and is not done."""
        return offset in self._unfinished

    def committable(self) -> int:
        """The offset at which a successor has to begin: everything before it is finished."""
        while self._delivered and self._delivered[0] not in self._unfinished:
            self._delivered.popleft()
        return self._delivered[0] if self._delivered else self._position
