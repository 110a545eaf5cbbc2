"""Writes what becomes of deliveries to the database, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Final, TypeAlias

from services.dlr.webhooks.delivery.store import Change
from shared.errors import TryLater
from shared.kafka.backoff import Backoff
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

Write: TypeAlias = Callable[[Sequence[Change]], Awaitable[None]]
Then: TypeAlias = Callable[[], None]

_MOST: Final = 500


class Parking:
    """Changes go out in the order they came, as soon as the write before them is done, again until they are written.

    What waits here is bounded by whoever puts it: by the records a stage leaves unfinished, by what a sweep claims.
    Without `then` a change may be lost with the process: its claim ends, and the delivery is tried again.
    """

    def __init__(self, write: Write, random: Random) -> None:
        self.name = "webhook parking"
        self._write = write
        self._random = random
        self._changes: list[tuple[Change, Then | None]] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._changes)

    def put(self, change: Change, then: Then | None = None) -> None:
        """Write it soon; `then` is called when it is durable."""
        self._changes.append((change, then))
        self._idle.clear()
        self._arrived.set()

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:
        """Write what waits, for at most `deadline` seconds."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(deadline):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("webhook_changes_abandoned", count=len(self._changes))
        await end(self._task)
        self._task = None

    async def wait(self) -> None:
        """Raise what ended the writing; it never ends by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while writes succeed."""
        return Health(ready=self._task is not None and not self._trouble, reason=self._trouble)

    async def _run(self) -> None:
        backoff = Backoff(self._random)
        while True:
            await self._arrived.wait()
            part = self._changes[:_MOST]
            try:
                await self._write([change for change, _ in part])
            except TryLater as error:
                if not self._trouble:
                    _log.warning("webhook_parking_waits", code=error.code)
                self._trouble = error.code
                await asyncio.sleep(backoff.pause())
                continue
            self._trouble = ""
            backoff.reset()
            del self._changes[: len(part)]
            if not self._changes:
                self._arrived.clear()
                self._idle.set()
            for _, then in part:
                if then is not None:
                    then()
