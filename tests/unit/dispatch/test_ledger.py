"""What stands in the ledger counts, also while it cannot be read yet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.dispatch.sender.ledger import Ledger, Outcome, OutcomeKind, attempt_key
from shared.clock import ManualClock
from shared.errors import TryLater
from shared.stores.mongodb import Document
from tests.unit.dispatch.building import START
from tests.unit.dispatch.simulation.store import Collection, Cursor, Memory

KEY = attempt_key("m", 1, 1)
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Young(Collection):
    """Some rows stand, but no majority has them yet: they cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: set[str] = set()

    def find(self, query: Document, _projection: object = None) -> Cursor:
        seen = Collection()
        seen.rows = {key: row for key, row in self.rows.items() if key not in self.hidden}
        return Cursor(seen, query)


async def test_a_closing_that_stands_and_cannot_be_read_yet_is_not_mistaken_for_the_unknown_that_it_closed() -> None:
    memory = Memory(ManualClock(START))
    outcomes = memory.collections["outcomes"] = Young()
    ledger = Ledger(memory.database)
    answer = Outcome(KEY, OutcomeKind.SUBMITTED, AT, "fjord-1", "77", late=True)
    await ledger.settle([Outcome(KEY, OutcomeKind.UNKNOWN, AT, "fjord-1")])
    await ledger.settle([answer])

    ours = Outcome(KEY, OutcomeKind.AGAIN, AT, "fjord-1", late=True)
    outcomes.hidden = {answer.row_id}
    with pytest.raises(TryLater, match="mongodb_unsettled"):
        await ledger.settle([ours])
    outcomes.hidden = set()

    assert await ledger.settle([ours]) == {ours.row_id: answer}
