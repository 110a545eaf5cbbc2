"""Tells everybody whether an operator can be reached from here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.dispatch.operators.links import REPEATED
from services.dispatch.sender.facts import SOURCE
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import LinkChanged
from shared.errors import TryLater
from shared.kafka.record import Output
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

DOWN_SECONDS = 5.0
"""A link is given so long to come back before anything goes to another operator."""

Send = Callable[[Sequence[Output]], Awaitable[None]]


class LinkNews:
    """Writes to `dispatch.links` when the first bind stands, again every few seconds while one does, and once when none
    has stood for a while. What cannot be written is old news by the time it could be: it is not tried again.
    """

    def __init__(self, operator: str, send: Send, clock: Clock) -> None:
        self._operator = operator
        self._send = send
        self._clock = clock
        self._write = Writer(SOURCE).output
        self._up = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._run(), name=f"link news {self._operator}")

    async def stop(self) -> None:
        """Say no more; soon nobody believes that the operator can be reached, unless somebody else says so."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Return or raise when the telling ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def heard(self, binds: int) -> None:
        """So many binds stand now."""
        if (binds > 0) != self._up:
            self._up = binds > 0
            self._changed.set()

    async def _run(self) -> None:
        """Say that it stands at once, and that it fell when it did not come back; the latter once."""
        told_up = False
        while True:
            if not self._up and not told_up:
                await self._changed.wait()
            self._changed.clear()
            if self._up or not await self._changes_within(DOWN_SECONDS):
                told_up = self._up
                await self._tell()
            if self._up:
                await self._changes_within(REPEATED)

    async def _changes_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _tell(self) -> None:
        try:
            await self._send([self._output()])
        except TryLater as error:
            _log.warning("link_news_not_told", operator=self._operator, code=error.code)

    def _output(self) -> Output:
        at = self._clock.now()
        event = LinkChanged(operator=self._operator, up=self._up, at=at)
        event_id = f"{self._operator}:{at.isoformat()}"
        return self._write(topics.LINKS, 0, event, event_id=event_id, time=at, subject=self._operator)
