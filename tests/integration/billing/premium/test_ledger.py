"""The premium ledger in MongoDB."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random

import pytest

from services.billing.premium.entry import EntryKind
from services.billing.premium.ledger import HeardEvent
from services.billing.premium.statement import OpenTotal
from services.billing.premium.transaction import Standing
from shared.contracts.premium import PremiumChanged, PremiumStatus
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.money.periods import Day, Month
from tests.integration.billing.premium.driving import Books
from tests.unit.billing.premium.building import ACCOUNT, ID, MERCHANT, changed, reversed_, transaction_id
from tests.unit.billing.premium.building import Books as Reference

S = PremiumStatus


def life(number: int) -> list[PremiumChanged]:
    """What is told of one transaction: every third fails, every fourth is reversed."""
    ends = S.FAILED if number % 3 == 0 else S.OK
    told = [changed(S.QUEUED, 1, number=number), changed(S.SENT, 2, number=number), changed(ends, 3, number=number)]
    if number % 4 == 0 and ends is S.OK:
        told += [reversed_(S.SENT, 1, number=number), reversed_(S.REVERSED, 2, number=number)]
    return told


ALL = [event for number in range(1, 41) for event in life(number)]


async def test_events_in_any_order_and_repeated_make_the_books_of_the_right_order(books: Books) -> None:
    random = Random(7)
    shuffled = random.sample(ALL, len(ALL)) + random.choices(ALL, k=40)
    while shuffled:
        batch, shuffled = shuffled[:11], shuffled[11:]
        await books.hear(*batch)
    expected = Reference().hear(ALL)
    found = {entry.id: (entry.lines, entry.month, entry.day) for entry in await books.entries()}
    assert found == {entry.id: (entry.lines, entry.month, entry.day) for entry in expected.entries.values()}
    assert sum((await books.balances()).values()) == 0


async def test_two_members_that_hear_the_same_at_once_book_it_once(books: Books) -> None:
    batches = [ALL[start : start + 20] for start in range(0, len(ALL), 20)]
    await asyncio.gather(*(books.hear(*batch) for batch in (*batches, *reversed(batches))))
    assert len(await books.entries()) == len(Reference().hear(ALL).entries)
    assert sum((await books.balances()).values()) == 0


async def test_a_batch_with_a_contradiction_leaves_nothing_behind(books: Books) -> None:
    await books.hear(changed(S.SENT))
    with pytest.raises(BadRecord):
        await books.hear(changed(number=2), changed(S.OK, 2, price=1))
    assert await books.entries() == []
    assert await books.ledger.transaction(ACCOUNT, transaction_id(2)) is None


async def test_an_entry_says_what_caused_it_and_a_repeat_changes_nothing(books: Books) -> None:
    await books.hear(changed(S.OK, 3))
    (entry,) = await books.entries()
    await books.hear(changed(S.OK, 3), changed(S.SENT, 2))
    assert await books.entries() == [entry]
    assert (entry.cause, entry.transaction_id) == (f"{ID}:3", ID)


async def test_what_is_open_is_counted_and_booked_nowhere(books: Books) -> None:
    await books.hear(changed(S.SENT), changed(S.UNKNOWN, number=2), changed(S.OK, number=3))
    assert await books.ledger.open_totals(Month("2026-10")) == {(ACCOUNT, MERCHANT): OpenTotal(2, 8400)}
    assert await books.ledger.open_totals(Month("2026-09")) == {}
    waiting = await books.ledger.page(ACCOUNT, limit=10, standings=[Standing.OPEN])
    assert [one.id for one in waiting] == [transaction_id(1), transaction_id(2)]
    assert [entry.kind for entry in await books.entries()] == [EntryKind.CHARGE]


async def test_transactions_are_read_newest_first_page_by_page_and_only_by_their_account(books: Books) -> None:
    days = {number: datetime(2026, 10, number, tzinfo=UTC) for number in (1, 2, 3)}
    await books.hear(*(changed(number=number, ordered_at=at) for number, at in days.items()))
    (first, second) = await books.ledger.page(ACCOUNT, limit=2)
    assert (first.id, second.id) == (transaction_id(3), transaction_id(2))
    assert [one.id for one in await books.ledger.page(ACCOUNT, limit=2, before=(days[2], second.id))] == [
        transaction_id(1)
    ]
    assert await books.ledger.page(AccountId("other"), limit=2) == []
    assert len(await books.ledger.page(None, limit=9)) == 3


async def test_a_purchase_is_found_by_pseudonym_short_number_and_day(books: Books) -> None:
    await books.hear(changed(), changed(number=2, short_number="2003"), changed(number=3, pseudonym="2026:other"))
    asked = ["2026:5f1d6e0c9a7b43e28d10c4f6b2a39e77"]
    found = await books.ledger.bought(ACCOUNT, asked, "2002", Day("2026-10-12"))
    assert [one.id for one in found] == [ID]
    assert await books.ledger.bought(ACCOUNT, asked, "2002", Day("2026-10-13")) == []


async def test_the_day_of_the_daily_file_is_that_of_strex(books: Books) -> None:
    late = datetime(2026, 10, 12, 22, 0, 1, tzinfo=UTC)
    await books.hear(changed(created_at=late))
    assert [one.id for one in await books.ledger.on_day(Day("2026-10-13"), limit=10)] == [ID]
    assert await books.ledger.on_day(Day("2026-10-12"), limit=10) == []


async def test_two_events_under_one_id_are_for_a_person(books: Books) -> None:
    first, second = changed(), changed(number=2)
    await books.ledger.hear([HeardEvent("same", first)], books.clock.now())
    with pytest.raises(BadRecord) as refused:
        await books.ledger.hear([HeardEvent("same", second)], books.clock.now())
    assert refused.value.code == "event_id_taken"
    assert len(await books.entries()) == 1
