"""A day against its file: what both sides have, in parts that do not grow with the day."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random

import httpx
import pytest

from services.billing.premium.api.daily_files import DailyFiles
from services.billing.premium.api.reconciliation import Reconciliation
from services.billing.premium.ledger import Ledger
from services.billing.premium.sorting import SortedRows
from services.billing.premium.transaction import Transaction
from shared.contracts.premium import PremiumStatus, TransactionId, reversal_id
from shared.money.periods import Day
from tests.integration.billing.premium.driving import Books
from tests.unit.billing.premium.building import TERMS, changed, reversed_, transaction_id
from tests.unit.billing.premium.test_reconciling import DAY, file_of, told

AT_ONCE = 4


class Counted(Ledger):
    """Keeps how many transactions each query gave."""

    given: list[int]

    async def on_day(self, day: Day, *, after: str = "", limit: int) -> list[Transaction]:
        return self._counted(await super().on_day(day, after=after, limit=limit))

    async def named(self, charges: Collection[TransactionId]) -> list[Transaction]:
        return self._counted(await super().named(charges))

    def _counted(self, found: list[Transaction]) -> list[Transaction]:
        self.given.append(len(found))
        return found


@pytest.fixture
def ledger(books: Books) -> Counted:
    counted = Counted(books.mongo, TERMS)
    counted.given = []
    return counted


def compared(books: Books, ledger: Ledger, rows: Sequence[dict[str, str]]) -> Reconciliation:
    """What compares with a file of these rows."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=file_of(*rows)))
    files = DailyFiles("https://strex.example/{date}.csv", "", transport=transport)
    return Reconciliation(books.mongo, ledger, files, books.clock, at_once=AT_ONCE)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (range(40), range(40)),
        (range(40), range(20)),
        (range(20), range(40)),
        (range(0, 40, 2), range(1, 40, 2)),
        (range(30), range(30, 34)),
        (range(30, 34), range(30)),
        (range(40), ()),
        ((), range(40)),
        ((), ()),
    ],
    ids=["equal", "more here", "more there", "in turn", "after", "before", "nothing there", "nothing here", "nothing"],
)
async def test_a_day_is_gone_through_in_parts_whatever_each_side_has(
    books: Books, ledger: Counted, ours: Sequence[int], theirs: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    after = SortedRows.after

    def counted(rows: SortedRows, charge: str, limit: int) -> object:
        part = after(rows, charge, limit)
        held.append(len(part[0]))
        return part

    monkeypatch.setattr(SortedRows, "after", counted)
    if ours:
        await books.hear(*(changed(number=number) for number in ours))
    rows = [told(number) for number in Random(3).sample(theirs, len(theirs))]
    report = (await compared(books, ledger, rows).compare(DAY)).report

    both = set(ours) & set(theirs)
    assert (report.matched, report.matched_ore) == (len(both), 4200 * len(both))
    assert (report.ours_ore, report.theirs_ore) == (4200 * len(ours), 4200 * len(theirs))
    assert [(one.transaction_id, one.difference) for one in report.findings] == [
        (transaction_id(number), "missing_there" if number in ours else "missing_here")
        for number in sorted(set(ours) ^ set(theirs))
    ]
    assert max([*held, *ledger.given], default=0) <= AT_ONCE
    parts = (len(ours) + len(theirs)) // AT_ONCE + 2
    assert len(held) <= parts
    assert len(ledger.given) <= 2 * parts


async def test_reversals_stay_with_their_charges_and_what_is_of_another_day_is_found_by_its_name(
    books: Books, ledger: Counted
) -> None:
    numbers = range(10)
    await books.hear(*(changed(number=number) for number in numbers))
    await books.hear(*(reversed_(number=number) for number in numbers[::2]))
    await books.hear(changed(PremiumStatus.SENT, number=50, ordered_at=changed().ordered_at.replace(day=11)))
    back = [
        told(number, "-42.00", "Reversed", TransactionId=reversal_id(transaction_id(number))) for number in numbers[::2]
    ]
    rows = [*(told(number) for number in numbers), *back, told(50, status="Sent", detail="Pending"), told(3)]
    report = (await compared(books, ledger, rows).compare(DAY)).report
    assert [(one.transaction_id, one.difference) for one in report.findings] == [(transaction_id(3), "twice")]
    assert (report.matched, report.open, report.theirs_ore) == (14, 1, 5 * 4200)
