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

    Each time it waits `window` seconds for more. What has waited `patience` seconds for a round trip to end goes beside
    it, two at a time at most: without `patience` it waits. An error of `act` is everybody's whose question was among
    them. At most `most_waiting` wait.
    """

    def __init__(
        self,
        act: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        window: float = 0.0,
        patience: float | None = None,
        most: int = 500,
        most_waiting: int = 10_000,
    ) -> None:
        self._window = window
        self._patience = patience
        self._act = act
        self._most = most
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._trip: object | None = None
        self._task: asyncio.Task[None] | None = None
        self._beside: asyncio.Task[None] | None = None

    async def __call__(self, question: Q) -> A:
        """The answer. Raises `TryLater` (`over_capacity`) when too many wait, and what `act` raises."""
        if len(self._waiting) >= self._most_waiting:
            raise TryLater("over_capacity", f"more than {self._most_waiting} questions wait")
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        elif self._beside is None and self._trip is not None and self._patience is not None:
            self._beside = asyncio.create_task(self._overtake(self._trip, self._patience))
        return await answer

    async def _run(self) -> None:
        """One round trip after the other, until nobody waits."""
        try:
            while self._waiting:
                if self._window and len(self._waiting) < self._most:
                    await asyncio.sleep(self._window)
                self._trip = object()
                try:
                    await self._ask(self._taken())
                finally:
                    self._trip = None
        finally:
            self._task = None

    async def _overtake(self, trip: object, patience: float) -> None:
        """One round trip beside this one, if it takes long."""
        try:
            await asyncio.sleep(patience)
            if self._trip is trip and self._waiting:
                await self._ask(self._taken())
        finally:
            self._beside = None

    def _taken(self) -> Sequence[tuple[Q, asyncio.Future[A]]]:
        return [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]

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
