"""Messages one after the other through a front door that may be away, and what was promised of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

import httpx

from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc

_CALLERS = 8
_PAUSE = 0.02


class Traffic:
    """Posts until `count` messages were promised. Each goes to a number of its own; a number is tried once."""

    def __init__(self, customer: Customer, numbers: Numbers, count: int) -> None:
        self.promised: dict[str, str] = {}
        """Ids of what was answered 202, by number."""
        self.tried: list[str] = []
        self._customer = customer
        self._numbers = numbers
        self._count = count

    async def run(self) -> None:
        """Post, eight at a time."""
        async with asyncio.TaskGroup() as callers:
            for _ in range(_CALLERS):
                callers.create_task(self._call())

    async def _call(self) -> None:
        while len(self.promised) + _CALLERS <= self._count:
            to = self._numbers.norwegian()
            self.tried.append(to)
            try:
                answer = await self._customer.http.post("/v1/messages", json={"to": to, "text": "Hei"})
            except httpx.TransportError:
                await asyncio.sleep(_PAUSE)  # the door is away: try another number in a moment
                continue
            if answer.status_code == httpx.codes.ACCEPTED:
                self.promised[to] = answer.json()["messages"][0]["id"]
            else:
                assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text

    async def times_taken(self, smsc: Smsc) -> Mapping[str, int]:
        """How often the operator took a message to each number that was tried."""
        taken = Counter(f"+{message['destination']}" for message in await smsc.taken())
        return {number: taken[number] for number in self.tried}
