"""Answers of a store from a small memory, so that a request costs no database read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import msgspec

from shared.clock import Clock
from shared.errors import TryLater

K = TypeVar("K")
V = TypeVar("V")

_MOST_STRANGERS: Final = 16


class _Entry(msgspec.Struct, Generic[V], frozen=True):
    """An answer, and when the store was asked for it (monotonic seconds)."""

    found: V | None
    asked_at: float


class Remembered(Generic[K, V]):
    """Answers from memory for less than `ttl` seconds, counted from before the store was asked.

    So what was changed is known within 2 s everywhere. An answer older than `fresh` seconds is still given, but asked
    for again meanwhile: what is in use never waits for the store. One read at a time per key, however many wait for
    it; at most 16 reads at a time for keys not seen before, so that guessing cannot starve those who are known. At
    most `size` known keys and `size` unknown ones are remembered.
    """

    def __init__(
        self,
        find: Callable[[K], Awaitable[V | None]],
        clock: Clock,
        *,
        fresh: float = 0.5,
        ttl: float = 1.8,
        patience: float = 1.3,
        size: int = 10_000,
    ) -> None:
        self._find = find
        self._clock = clock
        self._fresh = fresh
        self._ttl = ttl
        self._patience = patience
        self._size = size
        self._known: dict[K, _Entry[V]] = {}
        self._unknown: dict[K, _Entry[V]] = {}
        self._reads: dict[K, asyncio.Task[V | None]] = {}

    def knows(self, key: K) -> bool:
        """Whether the store's last answer for this key, however old, was that there is such a thing."""
        return key in self._known

    async def get(self, key: K) -> V | None:
        """What the store has for the key.

        Raises `TryLater`: `accounts_unavailable` when the store does not answer within `patience` seconds or too many
        unknown keys are being looked up.
        """
        entry = self._known.get(key) or self._unknown.get(key)
        age = self._clock.monotonic() - entry.asked_at if entry is not None else self._ttl
        if entry is None or age >= self._ttl:
            return await asyncio.shield(self._read(key))
        if age >= self._fresh and entry.found is not None:
            self._read(key)
        return entry.found

    def _read(self, key: K) -> asyncio.Task[V | None]:
        """Ask the store, or share the answer that somebody else asked for."""
        read = self._reads.get(key)
        if read is None:
            if key not in self._known and len(self._reads) >= _MOST_STRANGERS:
                raise TryLater("accounts_unavailable", "too many unknown keys are being looked up")
            read = self._reads[key] = asyncio.create_task(self._ask(key))
            read.add_done_callback(lambda done: self._read_ended(key, done))
        return read

    def _read_ended(self, key: K, read: asyncio.Task[V | None]) -> None:
        """Make room for the next read; an error is news to those who waited, who may all be gone."""
        del self._reads[key]
        if not read.cancelled():
            read.exception()

    async def _ask(self, key: K) -> V | None:
        asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                found = await self._find(key)
        except TimeoutError:
            raise TryLater("accounts_unavailable", "the account store does not answer in time") from None
        self._known.pop(key, None)
        self._unknown.pop(key, None)
        entries = self._unknown if found is None else self._known
        if len(entries) >= self._size:
            del entries[next(iter(entries))]
        entries[key] = _Entry(found, asked_at)
        return found
