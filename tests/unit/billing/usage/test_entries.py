from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.usage.entry import Charge, Entry, EntryKind, first_entry, later_entries, most_of
from services.billing.usage.hearing import hear
from shared.contracts.events import MessageStatusChanged
from shared.contracts.states import State
from shared.errors import BadRecord
from tests.unit.billing.building import ACCEPTED, PSEUDONYM, charge, corrected, message_id, record, status

NOW = datetime(2026, 11, 23, 8, 0, 5, tzinfo=UTC)


def written(batches: list[list[Charge]]) -> dict[str, Entry]:
    """The ledger after these batches, as `UsageStore.record` writes it."""
    ledger: dict[str, Entry] = {}
    for batch in batches:
        for one in most_of(batch).values():
            first = ledger.setdefault(one.message_id, first_entry(one, NOW))
            for entry in later_entries(one, first.parts, NOW):
                ledger.setdefault(entry.entry_id, entry)
    return ledger


def test_a_message_is_one_row_on_the_operators_acceptance() -> None:
    heard = hear(record(status(7, parts=3)))
    assert heard is not None
    entry = first_entry(heard, NOW)
    assert (entry.entry_id, entry.kind, entry.messages, entry.parts) == (message_id(7), EntryKind.FACT, 1, 3)
    assert (entry.day, entry.operator, entry.country, entry.pseudonym) == ("2026-11-23", "fjord", "NO", PSEUDONYM)


def test_a_row_holds_no_number_and_no_text() -> None:
    row = msgspec.to_builtins(first_entry(charge(), NOW))
    assert not {"to", "content", "text", "sender", "reference"} & row.keys()
    assert "47900" not in str(row)


@pytest.mark.parametrize(
    "event",
    [
        status(parts=None, state=State.ACCEPTED),
        status(parts=None, state=State.REJECTED),
        status(parts=1, test=True),
        msgspec.structs.replace(corrected(), charge=None),
    ],
)
def test_what_no_operator_took_and_what_is_a_test_is_not_charged(event: MessageStatusChanged) -> None:
    assert hear(record(event)) is None


def test_a_charge_without_parts_is_a_bad_record() -> None:
    with pytest.raises(BadRecord, match="bad_charge"):
        hear(record(status(parts=0)))


def test_a_message_counts_on_the_day_of_its_acceptance_in_norway() -> None:
    at = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    heard = hear(record(status(accepted_at=at)))
    assert heard is not None
    assert first_entry(heard, NOW).day == "2026-12-01"


def test_an_event_of_before_the_accept_time_was_told_counts_by_its_own_time() -> None:
    event = status()
    assert event.charge is not None
    old = msgspec.structs.replace(event, charge=msgspec.structs.replace(event.charge, accepted_at=None))
    heard = hear(record(old))
    assert heard is not None
    assert heard.accepted_at == ACCEPTED


def test_a_failed_message_that_a_receipt_proves_taken_is_an_adjustment() -> None:
    heard = hear(record(corrected(parts=1)))
    assert heard is not None
    assert first_entry(heard, NOW).kind is EntryKind.ADJUSTMENT


def test_parts_taken_later_are_adjustments_beside_the_fact() -> None:
    ledger = written([[charge(parts=1)], [charge(parts=3, correction=True)]])
    assert {key[36:]: (entry.kind, entry.messages, entry.parts) for key, entry in ledger.items()} == {
        "": ("fact", 1, 1),
        ":2": ("adjustment", 0, 1),
        ":3": ("adjustment", 0, 1),
    }


EVENTS = st.lists(st.builds(charge, st.integers(1, 4), st.integers(1, 5), correction=st.booleans()), max_size=30)


@given(EVENTS, st.randoms(use_true_random=False), st.integers(1, 7))
def test_whatever_comes_twice_late_or_in_another_order_the_sums_are_the_same(
    events: list[Charge], random: Random, size: int
) -> None:
    again = [*events, *events]
    random.shuffle(again)
    ledger = written([again[start : start + size] for start in range(0, len(again), size)])
    for number in range(1, 5):
        rows = [entry for key, entry in ledger.items() if key.startswith(message_id(number))]
        most = max((one.parts for one in events if one.message_id == message_id(number)), default=0)
        assert sum(entry.parts for entry in rows) == most
        assert sum(entry.messages for entry in rows) == (1 if most else 0)


def test_a_correction_without_news_is_nothing() -> None:
    assert written([[charge(parts=2)]]) == written([[charge(parts=2)], [charge(parts=2, correction=True)]])


def test_both_kinds_of_event_are_heard() -> None:
    heard = [hear(record(event)) for event in (status(parts=2), corrected(parts=2))]
    assert [one.parts for one in heard if one is not None] == [2, 2]
