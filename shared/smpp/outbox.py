"""Deliveries to ESMEs that are kept, in memory, until somebody has taken them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from random import Random
from typing import Any, Final, TypeAlias

import msgspec

from shared.smpp.backoff import Backoff
from shared.smpp.codec import encode_message
from shared.smpp.constants import DELIVER_SM, ESME_RMSGQFUL, ESME_RSYSERR, ESME_RTHROTTLED, ESME_RX_T_APPN
from shared.smpp.pdu import DeliverSm
from shared.smpp.results import Accepted, Ending, Refused, SubmitResult
from shared.smpp.server_session import ServerSession

REPEATED: Final = frozenset({ESME_RSYSERR, ESME_RMSGQFUL, ESME_RTHROTTLED, ESME_RX_T_APPN})
"""Refusals after which the same delivery is tried again; with any other it has ended."""

OnEnd: TypeAlias = Callable[[Any, SubmitResult], None]
"""The context of one delivery and how it ended: taken, refused for good, or tried too often (the last result)."""


class _Delivery(msgspec.Struct, eq=False):
    """One delivery. Its number is its place, which it keeps when it comes back."""

    queue: _Queue
    number: int
    message: DeliverSm
    context: Any
    attempts: int = 0


class _Queue:
    """What one system id is to get."""

    def __init__(self, system_id: bytes) -> None:
        self.system_id = system_id
        self.again: list[tuple[int, _Delivery]] = []
        """Those that came back, a heap: all of them stand before those that never went out."""
        self.fresh: deque[_Delivery] = deque()
        self.flying = 0
        self.failures = 0
        self.pause: asyncio.TimerHandle | None = None
        self.sessions: list[ServerSession] = []

    def __len__(self) -> int:
        return len(self.again) + len(self.fresh) + self.flying

    def freest(self) -> ServerSession | None:
        """The bind with the most room, if any has some."""
        best, most = None, 0
        for session in self.sessions:
            free = session.free
            if free > most:
                best, most = session, free
        return best

    def pop(self) -> _Delivery | None:
        """The next in its place."""
        if self.again:
            return heappop(self.again)[1]
        return self.fresh.popleft() if self.fresh else None

    def go_on(self) -> None:
        """Wait no longer."""
        if self.pause is not None:
            self.pause.cancel()
            self.pause = None


class Outbox:
    """Sends what was added to a system id, in order, over the binds of it that receive; keeps what was not taken.

    A delivery whose bind ended goes out again on the next bind, in its old place. One that was refused for a while
    (`REPEATED`), or not answered, goes out again after a pause that grows, in which the system id gets nothing else:
    only what was in flight beside it can overtake it. After `attempts` tries the owner is told the last result.
    `on_end` is called once for each delivery. At most `most` are kept for a system id; nothing outlives the process,
    so whoever may not lose a delivery keeps it until `on_end`.

    `joined`, `left`, `writable` and `late` are callbacks of `serve`.
    """

    def __init__(
        self,
        on_end: OnEnd,
        *,
        random: Random,
        most: int = 10_000,
        attempts: int = 20,
        backoff: Backoff | None = None,
    ) -> None:
        self.sent = 0
        """Deliveries written, each try of one counted."""
        self.repeated = 0
        """Of these, how many had been written before."""
        self._on_end = on_end
        self._random = random
        self._most = most
        self._attempts = attempts
        self._backoff = backoff or Backoff()
        self._numbers = count()
        self._queues: dict[bytes, _Queue] = {}

    def __len__(self) -> int:
        """Deliveries that have not ended."""
        return sum(map(len, self._queues.values()))

    def add(self, system_id: bytes, message: DeliverSm, context: Any) -> bool:
        """Keep one delivery and send it when it can be. False when there is no room for it: nothing was kept.

        Raises `UnencodablePdu` for one that can never be sent.
        """
        encode_message(DELIVER_SM, 0, message)
        queue = self._queue(system_id)
        if len(queue) >= self._most:
            return False
        queue.fresh.append(_Delivery(queue, next(self._numbers), message, context))
        self._pump(queue)
        return True

    def joined(self, session: ServerSession) -> None:
        """A bind stands: what waited for its system id goes out, also what was to wait a while longer."""
        queue = self._queue(session.system_id)
        queue.sessions.append(session)
        queue.go_on()
        self._pump(queue)

    def left(self, session: ServerSession, _: Ending) -> None:
        """A bind is gone; what it had in flight has come back before and goes out on another, if there is one."""
        queue = self._queue(session.system_id)
        queue.sessions.remove(session)
        self._pump(queue)
        self._forget(queue)

    def late(self, _: ServerSession, context: Any, result: SubmitResult) -> None:
        """An answer came too late: if it is a yes, and the delivery still waits to go out again, it does not."""
        if not isinstance(context, _Delivery) or not isinstance(result, Accepted):
            return
        again, place = context.queue.again, (context.number, context)
        if place in again:
            again.remove(place)
            heapify(again)
            self._finish(context, result)

    def writable(self, session: ServerSession) -> None:
        """A bind has room again."""
        self._pump(self._queue(session.system_id))

    def close(self) -> list[Any]:
        """Send nothing more; the contexts of what waits, by system id and in order. What is in flight still ends."""
        left = []
        for queue in self._queues.values():
            queue.go_on()
            while (delivery := queue.pop()) is not None:
                left.append(delivery.context)
        # What is in flight is not kept for another try, and nothing new is.
        self._attempts = self._most = 0
        return left

    def _queue(self, system_id: bytes) -> _Queue:
        queue = self._queues.get(system_id)
        if queue is None:
            queue = self._queues[system_id] = _Queue(system_id)
        return queue

    def _forget(self, queue: _Queue) -> None:
        if not queue.sessions and not len(queue):
            queue.go_on()
            self._queues.pop(queue.system_id, None)

    def _pump(self, queue: _Queue) -> None:
        while queue.pause is None and (session := queue.freest()) is not None and (delivery := queue.pop()) is not None:
            self.sent += 1
            self.repeated += delivery.attempts > 0
            delivery.attempts += 1
            queue.flying += 1
            session.send(delivery.message, delivery, self._ended)

    def _ended(self, delivery: _Delivery, result: SubmitResult) -> None:
        queue = delivery.queue
        queue.flying -= 1
        for_good = isinstance(result, Refused) and result.status not in REPEATED
        if isinstance(result, Accepted) or for_good or delivery.attempts >= self._attempts:
            self._finish(delivery, result)
            return
        heappush(queue.again, (delivery.number, delivery))
        if isinstance(result, Refused) or result.reason is Ending.NO_RESPONSE:
            self._pause(queue)

    def _finish(self, delivery: _Delivery, result: SubmitResult) -> None:
        queue = delivery.queue
        if isinstance(result, Accepted):
            queue.failures = 0
        self._forget(queue)
        self._on_end(delivery.context, result)
        self._pump(queue)

    def _pause(self, queue: _Queue) -> None:
        if queue.pause is None:
            queue.failures += 1
            delay = self._backoff.delay(queue.failures, self._random)
            queue.pause = asyncio.get_running_loop().call_later(delay, self._resume, queue)

    def _resume(self, queue: _Queue) -> None:
        queue.pause = None
        self._pump(queue)
