"""A steady flow of messages through a front door that may be away, and what was promised of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc

_CALLERS = 8
_PAUSE = 0.12
"""Seconds between two requests of a caller: about sixty a second of all."""


class Traffic:
    """Each message goes to a number of its own; a number is tried once."""

    def __init__(self, customer: Customer, numbers: Numbers) -> None:
        self.promised: dict[str, str] = {}
        """Ids of what was answered 202, by number."""
        self.tried: list[str] = []
        self._customer = customer
        self._numbers = numbers
        self._flowing = True

    @asynccontextmanager
    async def flowing(self, at_least: int) -> AsyncIterator[None]:
        """Post while entered, and afterwards until so many were promised."""
        async with asyncio.TaskGroup() as callers:
            for _ in range(_CALLERS):
                callers.create_task(self._call(at_least))
            yield
            self._flowing = False

    async def _call(self, at_least: int) -> None:
        while self._flowing or len(self.promised) < at_least:
            to = self._numbers.norwegian()
            self.tried.append(to)
            try:
                answer = await self._customer.http.post("/v1/messages", json={"to": to, "text": "Hei"})
            except httpx.TransportError:
                pass  # the door is away: nothing is promised, so try another number
            else:
                assert answer.status_code in {httpx.codes.ACCEPTED, httpx.codes.SERVICE_UNAVAILABLE}, answer.text
                if answer.status_code == httpx.codes.ACCEPTED:
                    self.promised[to] = answer.json()["messages"][0]["id"]
            await asyncio.sleep(_PAUSE)

    async def times_taken(self, smsc: Smsc) -> Mapping[str, int]:
        """How often the operator took a message to each number that was tried."""
        taken = Counter(f"+{message['destination']}" for message in await smsc.taken())
        return {number: taken[number] for number in self.tried}
