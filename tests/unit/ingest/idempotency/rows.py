"""The store of claims in memory. `lose` and `fail` make a call act without an answer, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.ingest.idempotency.key import RowId
from services.ingest.idempotency.store import Answered, Row
from shared.errors import TryLater


class MemoryRows:
    """As MongoDB does it: insert unless there, compare-and-set on the time of the claim."""

    def __init__(self) -> None:
        self.rows: dict[RowId, Row] = {}
        self.fail: Counter[str] = Counter()
        self.lose: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    async def insert(self, rows: Sequence[Row]) -> Sequence[bool]:
        self._before("insert")
        inserted = []
        for row in rows:
            inserted.append(row.row_id not in self.rows)
            self.rows.setdefault(row.row_id, row)
        self._after("insert")
        return inserted

    async def find(self, row_id: RowId) -> Row | None:
        self._before("find")
        return self.rows.get(row_id)

    async def replace(self, row: Row, claimed_at: datetime) -> bool:
        self._before("replace")
        standing = self.rows.get(row.row_id)
        good = standing is not None and standing.at == claimed_at
        if good:
            self.rows[row.row_id] = row
        self._after("replace")
        return good

    async def answer(self, answered: Sequence[Answered]) -> None:
        self._before("answer")
        for one in answered:
            standing = self.rows.get(one.row_id)
            if standing is not None and standing.at == one.at:
                self.rows[one.row_id] = msgspec.structs.replace(standing, answer=one.answer)
        self._after("answer")

    def _before(self, call: str) -> None:
        self.calls[call] += 1
        if self.fail[call] > 0:
            self.fail[call] -= 1
            raise TryLater("idempotency_unavailable", "told to fail")

    def _after(self, call: str) -> None:
        if self.lose[call] > 0:
            self.lose[call] -= 1
            raise TryLater("idempotency_unavailable", "the answer is lost on purpose")
