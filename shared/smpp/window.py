"""Our requests without an answer: an explicit counter per session (rule 6) and the sequence numbers (rule 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from shared.smpp.constants import MAX_SEQUENCE
from shared.smpp.results import SubmitResult

OnResult: TypeAlias = Callable[[Any, SubmitResult], None]
"""Called once with the context given to `send` and how it ended."""

Callback: TypeAlias = Callable[..., None]
"""`OnResult`, or the same for a query or a submit to many."""


class Window:
    """Slots for `size` requests. Time is the caller's monotonic time; requests expire in the order they were sent.

    Expired requests leave their slot but are remembered, `size` of them at most, so that an answer which comes too
    late can still be told from one that belongs to nothing.
    """

    def __init__(self, size: int, first_sequence: int = 1) -> None:
        self.size = size
        self._next = first_sequence
        self._waiting: dict[int, tuple[float, int, Any, Callback]] = {}
        self._late: dict[int, tuple[int, Any]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def free(self) -> int:
        """Slots not taken."""
        return self.size - len(self._waiting)

    def sequence(self) -> int:
        """The next number, 1 to 0x7FFFFFFF, skipping those whose answer may still come."""
        while True:
            number = self._next
            self._next = number + 1 if number < MAX_SEQUENCE else 1
            if number not in self._waiting and number not in self._late:
                return number

    def take(self, sequence: int, request_id: int, context: Any, on_result: Callback, now: float) -> None:
        """Occupy a slot until `settle`, `expire` or `drain`."""
        self._waiting[sequence] = (now, request_id, context, on_result)

    def settle(self, sequence: int, request_id: int | None) -> tuple[Any, Callback] | None:
        """Free the slot of an answered request; None when no request of this kind waits under this number.

        None as the kind is any: a `generic_nack` does not say what it answers.
        """
        waiting = self._waiting.get(sequence)
        if waiting is None or (waiting[1] != request_id and request_id is not None):
            return None
        del self._waiting[sequence]
        return waiting[2], waiting[3]

    def settle_late(self, sequence: int, request_id: int | None) -> tuple[Any] | None:
        """The context (in a tuple) of a request whose answer came after it had expired; given once."""
        late = self._late.get(sequence)
        if late is None or (late[0] != request_id and request_id is not None):
            return None
        del self._late[sequence]
        return (late[1],)

    def expire(self, sent_before: float) -> list[tuple[Any, Callback]]:
        """Free the slots of all requests sent before this time, oldest first."""
        expired = []
        for sequence, (sent_at, *_) in self._waiting.items():
            if sent_at > sent_before:
                break
            expired.append(sequence)
        return [self._expire(sequence) for sequence in expired]

    def drain(self) -> list[tuple[Any, Callback]]:
        """Free every slot, oldest first: the session is over."""
        drained = [(context, on_result) for _, _, context, on_result in self._waiting.values()]
        self._waiting.clear()
        self._late.clear()
        return drained

    def _expire(self, sequence: int) -> tuple[Any, Callback]:
        _, request_id, context, on_result = self._waiting.pop(sequence)
        self._late[sequence] = (request_id, context)
        if len(self._late) > self.size:
            del self._late[next(iter(self._late))]
        return context, on_result
