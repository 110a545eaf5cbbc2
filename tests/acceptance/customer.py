"""A customer at the front door: sends, and follows what was sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from shared.contracts.states import FINAL, State, may_move
from shared.trust import trusted
from tests.support import wait_until

DELIVER = 45.0
"""Seconds for everything to reach its final state, on a machine that does other things too."""


class Customer:
    """One key. `http` is for calls that are none of the usual ones."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def send(self, to: str | Sequence[str], text: str, **fields: Any) -> list[dict[str, Any]]:
        """`POST /v1/messages`, taken over: the verdicts."""
        body = {"to": to if isinstance(to, str) else list(to), "text": text, **fields}
        answer = await self.http.post("/v1/messages", json=body)
        assert answer.status_code == 202, answer.text
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    async def send_one(self, to: str, text: str, **fields: Any) -> str:
        """Send to one number; the id."""
        (message,) = await self.send(to, text, **fields)
        return str(message["id"])

    async def get(self, message_id: str) -> dict[str, Any]:
        """`GET /v1/messages/{id}`; a door that has to look up a key longer than it may says 503, and is asked again."""
        answer = await self.http.get(f"/v1/messages/{message_id}")

        async def answered() -> bool:
            nonlocal answer
            answer = await self.http.get(f"/v1/messages/{message_id}")
            return answer.status_code != httpx.codes.SERVICE_UNAVAILABLE

        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            await wait_until(answered, DELIVER, waiting_for="an answer about a message")
        assert answer.status_code == 200, (answer.status_code, answer.text)
        message: dict[str, Any] = answer.json()
        return message

    async def until(self, message_id: str, *states: str, deadline: float = DELIVER) -> dict[str, Any]:
        """Poll until the message is in one of these states; fails when it moves backwards, or rests elsewhere."""
        seen = await self.get(message_id)

        async def there() -> bool:
            nonlocal seen
            before, seen = seen, await self.get(message_id)
            was, now = State(before["state"]), State(seen["state"])
            assert was == now or may_move(was, now), f"{message_id} went from {was} to {now}"
            assert now in states or now not in FINAL, f"{message_id} rests as {now}: {seen}"
            return now in states

        await wait_until(there, deadline, waiting_for=f"{message_id} to be {' or '.join(states)}")
        return seen

    async def delivered(self, message_id: str, deadline: float = DELIVER) -> dict[str, Any]:
        """Poll until the message is delivered."""
        return await self.until(message_id, State.DELIVERED, deadline=deadline)

    async def settled(
        self, ids: Sequence[str], deadline: float = DELIVER, *, resting: frozenset[State] = frozenset()
    ) -> dict[str, str]:
        """Poll until every message has a final state, or one of those that are as good; the states by id.

        Fifty at a time, and those behind them once these rest: to ask for all of them again and again is a load.
        """
        ends = FINAL | resting
        states: dict[str, str] = dict.fromkeys(ids, State.ACCEPTED)

        async def look(message_id: str) -> None:
            states[message_id] = (await self.get(message_id))["state"]

        async def all_final() -> bool:
            while still_open := [message_id for message_id, state in states.items() if state not in ends][:50]:
                await asyncio.gather(*map(look, still_open))
                if not ends.issuperset(states[message_id] for message_id in still_open):
                    return False
            return True

        try:
            await wait_until(all_final, deadline, waiting_for=f"{len(states)} messages to be final")
        except AssertionError as error:
            error.add_note(f"states: {dict(Counter(states.values()))}")
            raise
        return states


@asynccontextmanager
async def customer_of(api: str, key: str) -> AsyncIterator[Customer]:
    """Whoever has this key."""
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=api, headers=headers, verify=trusted(), trust_env=False, timeout=30.0
    ) as http:
        yield Customer(http)
