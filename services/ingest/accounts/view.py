"""Who is calling: keys and accounts from a small memory, so that a request costs no database read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from services.ingest.accounts.account import Grant
from services.ingest.accounts.keys import KeyId, matches, parse
from shared.clock import Clock
from shared.errors import TryLater

Find = Callable[[KeyId], Awaitable[Grant | None]]
"""The store's answer for a key: None when it is unknown, revoked, or its account is not active."""

_MOST_STRANGERS: Final = 16


class _Entry(msgspec.Struct, frozen=True):
    """An answer, and when the store was asked for it (monotonic seconds)."""

    grant: Grant | None
    asked_at: float


class AccountView:
    """Answers from memory for less than `ttl` seconds, counted from before the store was asked.

    So a revoked key is refused within 2 s everywhere. An answer older than `fresh` seconds is still given, but asked
    for again meanwhile: a key in use never waits for the store. One read at a time per key, however many wait for it;
    at most 16 reads at a time for keys not seen before, so that guessing cannot starve those who are known. At most
    `size` known keys and `size` unknown ones are remembered.
    """

    def __init__(
        self,
        find: Find,
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
        self._known: dict[KeyId, _Entry] = {}
        self._unknown: dict[KeyId, _Entry] = {}
        self._reads: dict[KeyId, asyncio.Task[Grant | None]] = {}

    async def grant(self, text: str) -> Grant | None:
        """What the presented key allows, or None, whatever the reason.

        Raises `TryLater`: `accounts_unavailable` when the store does not answer within `patience` seconds or too many
        unknown keys are being looked up.
        """
        presented = parse(text)
        if presented is None:
            return None
        entry = self._known.get(presented.key_id) or self._unknown.get(presented.key_id)
        age = self._clock.monotonic() - entry.asked_at if entry is not None else self._ttl
        if entry is None or age >= self._ttl:
            grant = await asyncio.shield(self._read(presented.key_id))
        else:
            grant = entry.grant
            if age >= self._fresh and grant is not None:
                self._read(presented.key_id)
        if grant is None or not matches(presented, grant.key.digest):
            return None
        return grant

    def _read(self, key_id: KeyId) -> asyncio.Task[Grant | None]:
        """Ask the store, or share the answer that somebody else asked for."""
        read = self._reads.get(key_id)
        if read is None:
            if key_id not in self._known and len(self._reads) >= _MOST_STRANGERS:
                raise TryLater("accounts_unavailable", "too many unknown keys are being looked up")
            read = self._reads[key_id] = asyncio.create_task(self._ask(key_id))
            read.add_done_callback(lambda done: self._read_ended(key_id, done))
        return read

    def _read_ended(self, key_id: KeyId, read: asyncio.Task[Grant | None]) -> None:
        """Make room for the next read; an error is news to those who waited, who may all be gone."""
        del self._reads[key_id]
        if not read.cancelled():
            read.exception()

    async def _ask(self, key_id: KeyId) -> Grant | None:
        asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                grant = await self._find(key_id)
        except TimeoutError:
            raise TryLater("accounts_unavailable", "the account store does not answer in time") from None
        self._known.pop(key_id, None)
        self._unknown.pop(key_id, None)
        entries = self._unknown if grant is None else self._known
        if len(entries) >= self._size:
            del entries[next(iter(entries))]
        entries[key_id] = _Entry(grant, asked_at)
        return grant
