"""Under which ids the messages of a request go: the same request always gets the same ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.ingest.api.problems import Code, Rejected
from services.ingest.clients.asking import Ask, place_of, published_at
from services.ingest.idempotency.claims import Claims, KeyReused, Replay
from services.ingest.idempotency.key import IdempotencyKey, row_id
from services.ingest.idempotency.store import Row, Rows
from shared.clock import Clock
from shared.errors import BadRecord
from shared.ids import AccountId, DerivedIds
from shared.privacy.sealing import Sealer
from shared.telemetry.logs import get_log

_log = get_log()


class Named(msgspec.Struct, frozen=True):
    """The ids of a request's messages, by the recipient's place, and the time that they speak of."""

    ids: DerivedIds
    at: datetime


class Naming:
    """Names many requests at once, in one round trip for all whose keys are new.

    With a key the ids follow from its claim, which is good for 72 hours; HTTP and Kafka are one door there: a key that
    was used at one is used at the other. Without a key they follow from the place of the record.
    """

    def __init__(self, rows: Rows, claims: Claims, sealer: Sealer, clock: Clock) -> None:
        self._rows = rows
        self._claims = claims
        self._sealer = sealer
        self._clock = clock

    async def __call__(self, asks: Sequence[Ask]) -> Sequence[Named | Rejected | None]:
        """For each request its name; None when it was answered before; why it is refused, when its
        key is another's or the row of its key cannot be read.

        Raises `TryLater`: then nothing may be produced.
        """
        now = self._clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as the store keeps it
        named: list[Named | Rejected | None] = []
        rows: list[Row] = []
        keyed: list[tuple[int, Ask, IdempotencyKey]] = []
        for index, ask in enumerate(asks):
            account_id = ask.account.account_id
            if ask.key is None:
                at = published_at(ask.record)
                named.append(Named(DerivedIds(account_id, place_of(ask.record), at), at))
            else:
                named.append(Named(DerivedIds(account_id, ask.key, now), now))
                rows.append(self._row(account_id, ask.key, ask.fingerprint, now))
                keyed.append((index, ask, ask.key))
        if rows:
            inserted = await self._rows.insert(rows)
            standing = [one for one, new in zip(keyed, inserted, strict=True) if not new]
            found = await asyncio.gather(*(self._find(ask, key) for _, ask, key in standing))
            for (index, _, _), outcome in zip(standing, found, strict=True):
                named[index] = outcome
        return named

    async def _find(self, ask: Ask, key: IdempotencyKey) -> Named | Rejected | None:
        """What the row that stands says."""
        try:
            claim = await self._claims.claim(ask.account.account_id, key, ask.fingerprint)
        except KeyReused:
            return Rejected(Code.IDEMPOTENCY_KEY_REUSED)
        except BadRecord as error:
            _log.error("client_claim_unreadable", code=error.code, account=ask.account.account_id)
            return Rejected(Code.INTERNAL_ERROR)
        return None if isinstance(claim, Replay) else Named(DerivedIds(claim.account_id, claim.key, claim.at), claim.at)

    def _row(self, account_id: AccountId, key: IdempotencyKey, fingerprint: str, now: datetime) -> Row:
        name = row_id(account_id, key)
        return Row(name, now, self._sealer.seal(account_id, name, "body", fingerprint, now))
