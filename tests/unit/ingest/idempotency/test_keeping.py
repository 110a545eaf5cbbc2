"""Answers that are kept behind their callers' backs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from services.ingest.idempotency.keeping import Keeping
from services.ingest.idempotency.key import RowId
from services.ingest.idempotency.metrics import IdempotencyMetrics
from services.ingest.idempotency.store import Answered, Row
from shared.privacy.sealing import Sealed

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
READ_BEFORE = Row(RowId("row"), AT, Sealed(b"body"))
ANSWERED = Answered(READ_BEFORE.row_id, AT, Sealed(b"answer"))


async def test_a_row_that_was_read_right_before_its_answer_was_kept_has_it_all_the_same() -> None:
    kept: list[Answered] = []

    async def keep(batch: Sequence[Answered]) -> None:
        kept.extend(batch)

    keeping = Keeping(keep, IdempotencyMetrics(CollectorRegistry()))
    assert keeping.answer_of(READ_BEFORE) is None
    keeping(ANSWERED)
    assert keeping.answer_of(READ_BEFORE) == ANSWERED.answer
    await keeping.stop(1.0)
    assert kept == [ANSWERED]
    assert keeping.answer_of(READ_BEFORE) == ANSWERED.answer
    claimed_anew = Row(READ_BEFORE.row_id, AT.replace(day=5), Sealed(b"body"))
    assert keeping.answer_of(claimed_anew) is None
