"""Many callers, one round trip: what is asked within a window, or while a round trip is under way, goes together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.errors import TryLater

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """Calls `act` with up to `most` questions at a time; it returns their answers in the same order, within its own
    time limit.

    Each time it waits `window` seconds for more. An error of `act` is everybody's whose question was among them. At
    most `most_waiting` wait.
    """

    def __init__(
        self,
        act: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        window: float = 0.0,
        most: int = 500,
        most_waiting: int = 10_000,
    ) -> None:
        self._window = window
        self._act = act
        self._most = most
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, question: Q) -> A:
        """The answer. Raises `TryLater` (`over_capacity`) when too many wait, and what `act` raises."""
        if len(self._waiting) >= self._most_waiting:
            raise TryLater("over_capacity", f"more than {self._most_waiting} questions wait")
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        """One round trip after the other, until nobody waits."""
        try:
            while self._waiting:
                if self._window and len(self._waiting) < self._most:
                    await asyncio.sleep(self._window)
                batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                await self._ask(batch)
        finally:
            self._task = None

    async def _ask(self, batch: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._act([question for question, _ in batch])
        except Exception as error:
            for _, waiter in batch:
                if not waiter.done():
                    waiter.set_exception(error)
        else:
            for (_, waiter), answer in zip(batch, answers, strict=True):
                if not waiter.done():
                    waiter.set_result(answer)
