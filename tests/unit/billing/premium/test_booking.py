from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.premium.booking import entry_month
from services.billing.premium.chart import MEANINGS, LedgerAccount
from services.billing.premium.entry import Entry, EntryId, EntryKind, Line, balances
from services.billing.premium.transaction import Standing
from shared.contracts.premium import Billed, PremiumChanged, PremiumKind, PremiumStatus
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.money.periods import Day, Month
from tests.unit.billing.premium.building import ID, NEVER, Books, changed, reversed_

S = PremiumStatus


def test_a_charge_that_was_billed_is_split_between_those_who_have_a_share() -> None:
    (entry,) = Books().hear([changed(S.OK, price=4200)]).entries.values()
    assert {line.account: line.ore for line in entry.lines} == {
        LedgerAccount.STREX: 4200,
        LedgerAccount.OPERATORS: -1680,
        LedgerAccount.FEE: -210,
        LedgerAccount.MERCHANT: -2310,
    }
    assert (entry.id, entry.kind, entry.cause, entry.day, entry.month) == (
        f"{ID}:charge",
        EntryKind.CHARGE,
        f"{ID}:1",
        "2026-10-12",
        "2026-10",
    )


@pytest.mark.parametrize("status", [S.QUEUED, S.SENT, S.UNKNOWN])
def test_what_is_unknown_is_booked_nowhere_and_stays_open(status: PremiumStatus) -> None:
    books = Books().hear([changed(status)])
    assert books.entries == {}
    assert books.transactions[ID].standing is Standing.OPEN


def test_what_failed_is_not_booked_until_it_is_billed_later_after_all() -> None:
    books = Books().hear([changed(S.FAILED)])
    assert (len(books.entries), books.transactions[ID].standing) == (0, Standing.NOT_BILLED)
    books.hear([changed(S.REBILLED, 2)])
    assert (len(books.entries), books.transactions[ID].standing) == (1, Standing.BILLED)


def test_a_reversal_counters_every_line_of_its_charge_in_its_own_month() -> None:
    november = datetime(2026, 11, 3, 12, tzinfo=UTC)
    books = Books().hear([changed(), reversed_(ordered_at=november)])
    charge, reversal = books.entries.values()
    assert reversal.lines == tuple(Line(line.account, -line.ore) for line in charge.lines)
    assert (charge.month, reversal.month) == ("2026-10", "2026-11")
    assert set(balances(books.entries.values()).values()) == {0}
    assert books.transactions[ID].standing is Standing.REVERSED


def test_a_reversal_that_overtakes_its_charge_is_booked_behind_it() -> None:
    books = Books().hear([reversed_()])
    assert (books.entries, books.transactions[ID].standing) == ({}, Standing.DISPUTED)
    books.hear([changed()])
    assert [entry.kind for entry in books.entries.values()] == [EntryKind.CHARGE, EntryKind.REVERSAL]


def test_a_reversal_that_failed_leaves_the_charge_billed() -> None:
    books = Books().hear([changed(), reversed_(S.SENT)])
    assert books.transactions[ID].standing is Standing.REVERSING
    books.hear([reversed_(S.FAILED, 2)])
    assert (len(books.entries), books.transactions[ID].standing) == (1, Standing.BILLED)


def test_money_that_moved_is_not_taken_back_by_a_word() -> None:
    books = Books().hear([changed(S.OK, 1), changed(S.FAILED, 2)])
    assert (len(books.entries), books.transactions[ID].standing) == (1, Standing.DISPUTED)


def test_an_older_event_that_comes_late_does_not_speak_for_the_transaction() -> None:
    books = Books().hear([changed(S.OK, 3), changed(S.SENT, 2)])
    leg = books.transactions[ID].charge
    assert leg is not None
    assert (leg.status, leg.sequence, len(books.entries)) == (S.OK, 3, 1)


@pytest.mark.parametrize("event", [changed(price=0), changed(service_code="89001")])
def test_what_costs_nothing_is_not_booked(event: PremiumChanged) -> None:
    assert Books().hear([event]).entries == {}


@pytest.mark.parametrize(("billed", "standing"), [(Billed.FALSE, Standing.NOT_BILLED), (Billed.UNKNOWN, Standing.OPEN)])
def test_what_arrived_and_was_not_billed_for_certain_is_not_booked(billed: Billed, standing: Standing) -> None:
    books = Books().hear([changed(S.OK, billed=billed, delivered=True)])
    assert (books.entries, books.transactions[ID].standing) == ({}, standing)


@pytest.mark.parametrize(
    "other",
    [
        changed(S.OK, 2, price=4300),
        changed(S.OK, 2, merchant_id="mer_other"),
        changed(S.OK, 2, account_id=AccountId("other")),
        changed(S.OK, 2, short_number="2003"),
        changed(S.OK, 2, service_code="06003"),
        reversed_(price=4100),
    ],
)
def test_an_event_of_other_terms_is_for_a_person(other: PremiumChanged) -> None:
    with pytest.raises(BadRecord) as refused:
        Books().hear([changed(), other])
    assert refused.value.code == "premium_contradiction"


def test_a_reversal_of_nothing_is_for_a_person() -> None:
    with pytest.raises(BadRecord) as refused:
        Books().hear([changed(kind=PremiumKind.REVERSAL)])
    assert refused.value.code == "reversal_of_nothing"


def test_what_belongs_to_a_closed_month_goes_into_the_next() -> None:
    (entry,) = Books().hear([changed()], closed=Month("2026-10")).entries.values()
    assert (entry.own_month, entry.month) == ("2026-10", "2026-11")


@pytest.mark.parametrize(
    ("day", "closed", "month"),
    [("2026-10-31", "", "2026-10"), ("2026-10-31", "2026-12", "2027-01"), ("2027-01-01", "2026-12", "2027-01")],
)
def test_an_entry_goes_into_its_own_month_or_the_first_open_one(day: str, closed: str, month: str) -> None:
    assert entry_month(Day(day), Month(closed)) == month


def test_the_month_is_that_of_oslo() -> None:
    last_second_in_utc = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    (entry,) = Books().hear([changed(ordered_at=last_second_in_utc)]).entries.values()
    assert (entry.day, entry.month) == ("2026-11-01", "2026-11")


def test_no_entry_exists_whose_lines_do_not_sum_to_zero() -> None:
    (entry,) = Books().hear([changed()]).entries.values()
    with pytest.raises(ValueError, match="sum to zero"):
        msgspec.structs.replace(entry, lines=entry.lines[:-1])


def test_every_account_of_the_ledger_is_explained() -> None:
    assert set(MEANINGS) == set(LedgerAccount)


HISTORIES = (
    (S.QUEUED,),
    (S.QUEUED, S.SENT, S.UNKNOWN),
    (S.QUEUED, S.SENT, S.OK),
    (S.QUEUED, S.FAILED),
    (S.UNKNOWN, S.FAILED, S.REBILLED),
    (S.REFUSED,),
    (S.OK, S.FAILED),
)
REVERSALS = ((), (S.SENT,), (S.UNKNOWN, S.REVERSED), (S.REVERSED,), (S.FAILED,), (S.REFUSED,))


@st.composite
def lives(draw: st.DrawFn) -> list[PremiumChanged]:
    """What is told of some transactions, each in its right order."""
    told = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        price = draw(st.integers(1, 100_000))
        at = draw(st.datetimes(datetime(2026, 8, 1), datetime(2027, 2, 1), timezones=st.just(UTC)))  # noqa: DTZ001
        charge, reversal = draw(st.sampled_from(HISTORIES)), draw(st.sampled_from(REVERSALS))
        told += [changed(s, n, number=number, price=price, ordered_at=at) for n, s in enumerate(charge, 1)]
        told += [reversed_(s, n, number=number, price=price, ordered_at=at) for n, s in enumerate(reversal, 1)]
    return told


@given(lives(), st.data())
def test_any_order_and_any_repetition_of_the_events_gives_the_same_books(
    told: list[PremiumChanged], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(told))
    repeated = [*shuffled, *data.draw(st.lists(st.sampled_from(told), max_size=8))]
    assert _books(repeated) == _books(told)


@given(lives(), st.sampled_from(["2026-08", "2026-11", "2027-03"]))
def test_whatever_is_booked_sums_to_zero_and_a_closed_month_moves_no_money(
    told: list[PremiumChanged], closed: str
) -> None:
    books, late = Books().hear(told), Books().hear(told, Month(closed))
    assert sum(balances(books.entries.values()).values()) == 0
    assert balances(books.entries.values()) == balances(late.entries.values())
    assert all(entry.month > closed for entry in late.entries.values())


def _books(events: Sequence[PremiumChanged]) -> tuple[dict[EntryId, Entry], dict[str, Standing]]:
    """The ledger without what caused its entries, and where each transaction stands."""
    books = Books().hear(events, NEVER)
    entries = {name: msgspec.structs.replace(entry, cause="") for name, entry in books.entries.items()}
    return entries, {one.id: one.standing for one in books.transactions.values()}


def test_what_was_erased_does_not_come_back_with_a_late_event() -> None:
    books = Books().hear([changed(S.SENT, reference="order-1")])
    assert books.transactions[ID].reference == "order-1"
    books.transactions[ID] = msgspec.structs.replace(books.transactions[ID], pseudonym=None, reference=None)
    late = books.hear([changed(S.OK, 2, reference="order-1"), reversed_()]).transactions[ID]
    assert (late.pseudonym, late.reference) == (None, None)


def test_unknown_never_becomes_false() -> None:
    books = Books().hear([changed(S.SENT, billed=Billed.UNKNOWN)])
    assert books.transactions[ID].standing is not Standing.NOT_BILLED
