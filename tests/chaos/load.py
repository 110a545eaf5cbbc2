"""A steady flow of messages through the front door, each under an idempotency key and repeated until it is answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from random import Random
from typing import Final

import httpx
import msgspec

from shared.contracts.words import Category

CALLERS: Final = 24
_AGAIN: Final = 0.25
"""Seconds before a request that was not answered 202 is made again, under its key."""
_REPEATED: Final = 40
"""One request of so many is made once more after its answer, which must be the same."""
_EXPRESS: Final = 3
"""One message of so many is a one-time code: topics, readers and leases of its own."""
_LONG: Final = 10
"""One message of so many has two parts."""


class Posted(msgspec.Struct):
    """One message. `message_id` is None until it was answered 202; times are monotonic seconds."""

    key: str
    number: str
    parts: int
    message_id: str | None = None
    answered_at: float = 0.0


class Load:
    """So many messages a second, each to a number of its own; `broken` are answers that must not be."""

    def __init__(self, door: httpx.AsyncClient, callback: str, random: Random, rate: float) -> None:
        self.posted: list[Posted] = []
        self.broken: Counter[str] = Counter()
        self.tries = 0
        self._callback = callback
        self._random = random
        self._every = CALLERS / rate
        self._flowing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._run = f"{random.randrange(2**32):08x}"
        self._http = door

    @property
    def answered(self) -> int:
        """Messages that were answered 202."""
        return sum(each.message_id is not None for each in self.posted)

    def start(self) -> None:
        """Begin to post."""
        self._flowing = True
        self._tasks = [asyncio.create_task(self._call(place)) for place in range(CALLERS)]

    async def stop(self) -> None:
        """Begin nothing new, and return once everything that was begun is answered."""
        self._flowing = False
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Give up what is not answered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _call(self, place: int) -> None:
        await asyncio.sleep(self._every * place / CALLERS)
        while self._flowing:
            began = time.monotonic()
            await self._post()
            await asyncio.sleep(max(0.0, began + self._every - time.monotonic()))

    async def _post(self) -> None:
        count = len(self.posted)
        one = Posted(f"{self._run}-{count}", f"+479{count:07d}", 2 if count % _LONG == 0 else 1)
        self.posted.append(one)
        body = {
            "to": one.number,
            "text": f"{one.key} " + "Hei " * (50 if one.parts == 2 else 5),
            "category": Category.OTP if count % _EXPRESS == 0 else Category.TRANSACTIONAL,
            "callback_url": self._callback,
        }
        message_id = await self._insist(one.key, body)
        one.answered_at = time.monotonic()
        one.message_id = message_id
        if self._random.randrange(_REPEATED) == 0:
            again = await self._ask(one.key, body)
            if again not in (None, message_id):
                self.broken["another id under the same key"] += 1

    async def _insist(self, key: str, body: dict[str, str]) -> str:
        while True:
            message_id = await self._ask(key, body)
            if message_id is not None:
                return message_id
            await asyncio.sleep(_AGAIN)

    async def _ask(self, key: str, body: dict[str, str]) -> str | None:
        """One try; None when nothing was promised."""
        self.tries += 1
        try:
            answer = await self._http.post("/v1/messages", json=body, headers={"idempotency-key": key})
        except httpx.TransportError:
            return None
        if answer.status_code != httpx.codes.ACCEPTED:
            if answer.status_code not in (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS):
                self.broken[f"HTTP {answer.status_code}"] += 1
            return None
        return str(answer.json()["messages"][0]["id"])
