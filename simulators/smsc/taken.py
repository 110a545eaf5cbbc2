"""What the simulator took: a numbered record of the latest messages and a count of duplicates, in bounded memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

import msgspec

from shared.smpp.pdu import SubmitSm
from shared.smpp.receipts import ReceiptState

_REMEMBERED = 200_000
"""Messages among which a duplicate is recognised."""


class TakenMessage(msgspec.Struct, gc=False):
    """One message as it was taken, or was replaced. `number` counts from 1 over the life of the process."""

    number: int
    id: int
    system_id: bytes
    taken_at: datetime
    duplicate: bool
    message: SubmitSm
    state: ReceiptState = ReceiptState.ENROUTE


class Taken:
    """Appends and counts. Keeps the last `bodies` messages whole and the traces of the last 200,000."""

    def __init__(self, bodies: int) -> None:
        self.count = 0
        self.duplicates = 0
        self._messages: deque[TakenMessage] = deque(maxlen=bodies)
        self._order: deque[int] = deque()
        self._seen: Counter[int] = Counter()

    def add(self, message: SubmitSm, message_id: int, system_id: bytes, now: datetime) -> TakenMessage:
        """Record one message; a duplicate has the source, destination and content of a remembered one."""
        self.count += 1
        trace = hash((message.source_addr, message.destination_addr, message.content))
        duplicate = self._remember(trace)
        self.duplicates += duplicate
        taken = TakenMessage(self.count, message_id, system_id, now, duplicate, message)
        self._messages.append(taken)
        return taken

    def after(self, number: int, limit: int) -> Sequence[TakenMessage]:
        """Up to `limit` kept messages with a higher number, in order."""
        if not self._messages:
            return ()
        skip = max(0, number + 1 - self._messages[0].number)
        return tuple(islice(self._messages, skip, skip + limit))

    def newest(self, limit: int) -> Sequence[TakenMessage]:
        """The last `limit` kept messages, in order."""
        return tuple(islice(self._messages, max(0, len(self._messages) - limit), None))

    def find(self, message_id: bytes, source: bytes) -> TakenMessage | None:
        """The newest kept message with this id, written in either base, and this source."""
        for taken in reversed(self._messages):
            if message_id in (b"%d" % taken.id, b"%x" % taken.id) and taken.message.source_addr == source:
                return taken
        return None

    def between(self, source: bytes, destination: bytes) -> Sequence[TakenMessage]:
        """The kept messages from this source to this destination."""
        return tuple(
            taken
            for taken in self._messages
            if (taken.message.source_addr, taken.message.destination_addr) == (source, destination)
        )

    def forget(self) -> None:
        """Drop messages and traces and count duplicates anew; numbers go on."""
        self._messages.clear()
        self._order.clear()
        self._seen.clear()
        self.duplicates = 0

    def _remember(self, trace: int) -> bool:
        seen = self._seen.get(trace, 0)
        self._seen[trace] = seen + 1
        self._order.append(trace)
        if len(self._order) > _REMEMBERED:
            oldest = self._order.popleft()
            if self._seen[oldest] == 1:
                del self._seen[oldest]
            else:
                self._seen[oldest] -= 1
        return seen > 0
