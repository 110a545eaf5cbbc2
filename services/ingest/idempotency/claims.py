"""The same idempotency key never makes two messages and never swallows one (promise P4).

1. Claim: a row says since when the key is this request's; majority and journaled. The ids follow from it alone.
2. Produce under those ids, until the broker has acknowledged all of it.
3. Answer: the caller is told, and the row keeps it, at the same time or soon after.

Die after 1, or fail in 2: a repeat finds a claim without answer and produces again, under the same ids. Die after 2,
or before the row has the answer: the same; a record that is on its topic twice is one message to screening, to the
ledger and to the message log. Die after 3: a repeat gets the answer that is kept. No promise depends on anything but
the row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from services.ingest.idempotency.keeping import Keeping
from services.ingest.idempotency.key import IdempotencyKey, RowId, row_id
from services.ingest.idempotency.metrics import IdempotencyMetrics
from services.ingest.idempotency.store import LIFETIME, Answered, Row, Rows
from services.ingest.idempotency.together import Together
from shared.clock import Clock
from shared.errors import Refused, TryLater
from shared.ids import AccountId
from shared.privacy.sealing import Erased, Sealer

_MOST_ROUNDS: Final = 5
_WINDOW: Final = 0.002
"""Seconds that a claim waits for company: with one row a round trip costs half a millisecond of CPU, here and there."""
_PATIENCE: Final = 0.004
"""Seconds that it waits for a round trip under way: one that meets a slow disk holds up nobody for longer."""


class Claim(msgspec.Struct, frozen=True):
    """The key is this request's: its ids are derived from account, key and `at`. A repeat has the first one's `at`."""

    account_id: AccountId
    key: IdempotencyKey
    row_id: RowId
    at: datetime


class Replay(msgspec.Struct, frozen=True):
    """The request was answered before, with this body."""

    body: bytes


class KeyReused(Refused):
    """The key is another request's."""

    def __init__(self) -> None:
        super().__init__("idempotency_key_reused", "the key was used with another body")


class Claims:
    """Claims keys and keeps answers, many in one round trip. `answers` is a component of the process."""

    def __init__(self, rows: Rows, sealer: Sealer, clock: Clock, metrics: IdempotencyMetrics) -> None:
        self._rows = rows
        self._sealer = sealer
        self._clock = clock
        self._metrics = metrics
        self._insert: Together[Row, bool] = Together(rows.insert, window=_WINDOW, patience=_PATIENCE)
        self.answers = Keeping(rows.answer, metrics)

    async def claim(self, account_id: AccountId, key: IdempotencyKey, fingerprint: str) -> Claim | Replay:
        """Claim a key for the request with this fingerprint, or find out what came of it before.

        Raises `KeyReused`, or `TryLater` (`idempotency_unavailable`) when it is not known whether the key is claimed:
        then nothing may be produced, and a repeat finds out.
        """
        wanted = row_id(account_id, key)
        for _ in range(_MOST_ROUNDS):
            now = _milliseconds(self._clock.now())
            row = Row(wanted, now, self._sealer.seal(account_id, wanted, "body", fingerprint, now))
            if await self._insert(row):
                self._metrics.claimed.inc()
                return Claim(account_id, key, wanted, now)
            found = await self._rows.find(wanted)
            if found is None:
                continue
            if found.at + LIFETIME > now:
                return self._standing(account_id, key, found, fingerprint)
            if await self._rows.replace(row, found.at):
                self._metrics.claimed.inc()
                return Claim(account_id, key, wanted, now)
        raise TryLater("idempotency_unavailable", "others claim the same key all the time")

    async def answered(self, account_id: AccountId, key: IdempotencyKey, fingerprint: str) -> Replay | None:
        """The answer to this very request, if it was ever given. Claims nothing. Raises `TryLater`."""
        found = await self._rows.find(row_id(account_id, key))
        if found is None or found.at + LIFETIME <= self._clock.now() or not self._same(account_id, found, fingerprint):
            return None
        return self._replay(account_id, found)

    def answer(self, claim: Claim, body: bytes) -> None:
        """Keep soon what the caller is told, now that everything is produced. If it cannot be kept, that is no error: a
        repeat would produce again, under the same ids.
        """
        sealed = self._sealer.seal(claim.account_id, claim.row_id, "answer", body.decode(), claim.at)
        self.answers(Answered(claim.row_id, claim.at, sealed))

    def _standing(self, account_id: AccountId, key: IdempotencyKey, found: Row, fingerprint: str) -> Claim | Replay:
        if not self._same(account_id, found, fingerprint):
            self._metrics.reused.inc()
            raise KeyReused
        replay = self._replay(account_id, found)
        if replay is not None:
            self._metrics.replayed.inc()
            return replay
        self._metrics.repeated.inc()
        return Claim(account_id, key, found.row_id, found.at)

    def _same(self, account_id: AccountId, found: Row, fingerprint: str) -> bool:
        """Whether the row is of a request with this fingerprint. One that was erased is nobody's any more."""
        return self._sealer.open(account_id, found.row_id, "body", found.body) == fingerprint

    def _replay(self, account_id: AccountId, found: Row) -> Replay | None:
        answer = self.answers.answer_of(found)
        if answer is None:
            return None
        body = self._sealer.open(account_id, found.row_id, "answer", answer)
        return None if isinstance(body, Erased) else Replay(body.encode())


def _milliseconds(at: datetime) -> datetime:
    """A time as the store keeps it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
