"""What is heard of a message within a moment is handled at once: one write of its document, one event.

A message's request, its facts and its receipt come within milliseconds of each other when all goes well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from services.dlr.status.heard import Input, Orphan
from services.dlr.status.message import Report
from shared.clock import Clock
from shared.contracts.states import FINAL
from shared.errors import TryLater
from shared.ids import MessageId
from shared.kafka.at_least_once import AtLeastOnceHandler, Finishing
from shared.kafka.record import Received
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

SECONDS: Final = 0.2
"""For so long a message that is under way waits for more, and then until the next look: 250 ms on average."""
_ENDED: Final = 0.05
"""For so long a message that has ended waits: its receipt may overtake the fact that it was submitted."""
_LOOK: Final = 0.1
"""Seconds between two looks for what is due: each writes, tells and is read by three groups, whatever it finds."""
_PAUSE: Final = 0.5
_CAREFUL: Final = 10_000
"""Records that are handed on as they come whenever partitions were assigned: twice what may be unfinished. What ended
the process before is among them, and the kit, which knows how to set it aside, must see it.
"""


class _Waiting:
    """All that waits of one message, in the order in which it came, and when (monotonic) it is due."""

    __slots__ = ("due", "heard")

    def __init__(self, due: float, heard: list[Received[Input]]) -> None:
        self.due = due
        self.heard = heard


class Holding:
    """A handler before another one, which gets what there is of a message together.

    That is when its first final report has come, when its partitions are about to go, and at the latest after
    `seconds`. Its records are finished by the handler behind; what that cannot do now is tried again, and all that
    waits is given back when the partitions are about to go meanwhile.
    """

    def __init__(
        self,
        handle: AtLeastOnceHandler[Input],
        clock: Clock,
        *,
        most: int,
        seconds: float = SECONDS,
        careful: int = _CAREFUL,
    ) -> None:
        """About `most` records are handed on at once."""
        self.name = "status holding"
        self._handle = handle
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._careful = careful
        self._left = careful
        self._finish: Finishing[Input] | None = None
        self._waiting: dict[MessageId, _Waiting] = {}
        self._orphans: list[Received[Input]] = []
        self._trouble = ""
        self._turn = asyncio.Lock()
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, batch: Sequence[Received[Input]], finish: Finishing[Input]) -> None:
        """Keep a batch, or hand it on and raise what the handler behind raises."""
        if finish is not self._finish:
            # What another assignment gave comes again, to us or to somebody else.
            self._finish, self._left = finish, self._careful
            self._forget()
        if self._left > 0:
            async with self._turn:
                await self._handle(batch, finish)
            self._left -= len(batch)
            return
        self._keep(batch)
        self._came.set()

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - what waits comes again after the next start
        """End."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Raise what ended it."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it runs and the handler behind does not ask for patience."""
        running = self._task is not None and not self._task.done()
        reason = self._trouble if running else "not running"
        return Health(ready=not reason, live=running or self._task is None, reason=reason)

    def _keep(self, batch: Sequence[Received[Input]]) -> None:
        now = self._clock.monotonic()
        for received in batch:
            event = received.event
            if isinstance(event, Orphan):
                self._orphans.append(received)
                continue
            waiting = self._waiting.get(event.message_id)
            if waiting is None:
                waiting = self._waiting[event.message_id] = _Waiting(now + self._seconds, [])
            waiting.heard.append(received)
            if isinstance(event.what, Report) and event.what.state in FINAL:
                waiting.due = min(waiting.due, now + _ENDED)

    async def _run(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            while self._waiting or self._orphans:
                await asyncio.sleep(_PAUSE if self._trouble else _LOOK)
                async with self._turn:
                    if self._finish is not None:
                        await self._look(self._finish)

    async def _look(self, finish: Finishing[Input]) -> None:
        """Hand on what is due; give everything back when that cannot be done before the partitions go."""
        if not (self._trouble and finish.closing):
            await self._hand_on(finish)
        if self._trouble and finish.closing:
            for received in self._orphans:
                finish.give_back(received)
            for waiting in self._waiting.values():
                for received in waiting.heard:
                    finish.give_back(received)
            self._forget()

    async def _hand_on(self, finish: Finishing[Input]) -> None:
        orphans, self._orphans = self._orphans, []
        batch, taken = list(orphans), self._take_due(self._most - len(orphans))
        for waiting in taken.values():
            batch += waiting.heard
        if not batch:
            return
        try:
            await self._handle(batch, finish)
        except TryLater as error:
            if finish is not self._finish:
                return
            if not self._trouble:
                _log.warning("status_waits", code=error.code)
            self._trouble = error.code
            self._orphans += orphans
            for message_id, waiting in taken.items():
                later = self._waiting.get(message_id)
                self._waiting[message_id] = waiting
                waiting.heard += later.heard if later is not None else []
        else:
            self._trouble = ""

    def _forget(self) -> None:
        self._waiting, self._orphans, self._trouble = {}, [], ""

    def _take_due(self, most: int) -> dict[MessageId, _Waiting]:
        """Take messages until so many records are together."""
        now = self._clock.monotonic()
        closing = self._finish is not None and self._finish.closing
        taken: dict[MessageId, _Waiting] = {}
        for message_id, waiting in self._waiting.items():
            if most <= 0:
                break
            if waiting.due <= now or closing:
                taken[message_id] = waiting
                most -= len(waiting.heard)
        for message_id in taken:
            del self._waiting[message_id]
        return taken
