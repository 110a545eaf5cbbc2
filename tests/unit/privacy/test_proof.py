from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from shared.contracts.privacy import Basis, OrderId, OrderKind
from shared.ids import AccountId
from shared.privacy.proof import Claim, Outcome, ProofRecord, faults, link

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)


def claim(order: str) -> Claim:
    return Claim(
        order_id=OrderId(order),
        outcome=Outcome.COMPLETE,
        kind=OrderKind.ERASE,
        basis=Basis.REQUEST,
        account_id=AccountId("acme"),
        scope="sha256 5f",
        counts={"dlr": {"messages": (12, 0)}},
        held=0,
        ordered_at=AT,
        recorded_at=AT,
        actor="key",
        version="0.1.0",
    )


def chain(count: int) -> list[ProofRecord]:
    records: list[ProofRecord] = []
    for number in range(count):
        records.append(link(records[-1] if records else None, claim(f"erase-{number}")))
    return records


def test_a_chain_as_it_was_written_has_no_fault() -> None:
    assert list(faults(chain(5))) == []
    assert list(faults([])) == []


def test_a_chain_has_no_fault_after_it_was_sent() -> None:
    sent = msgspec.json.decode(msgspec.json.encode(chain(3)), type=list[ProofRecord])
    assert list(faults(sent)) == []


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_record_that_was_tampered_with_is_found(place: int) -> None:
    records = chain(5)
    changed = msgspec.structs.replace(records[place].claim, counts={"dlr": {"messages": (11, 0)}})
    records[place] = msgspec.structs.replace(records[place], claim=changed)
    assert [(fault.number, fault.code) for fault in faults(records)] == [(place + 1, "changed")]


def test_a_record_that_was_made_anew_breaks_the_link_behind_it() -> None:
    records = chain(3)
    records[1] = link(records[0], claim("another"))
    assert [(fault.number, fault.code) for fault in faults(records)] == [(3, "broken_link")]


def test_a_record_that_was_taken_out_leaves_a_gap() -> None:
    records = chain(3)
    del records[1]
    assert [(fault.number, fault.code) for fault in faults(records)] == [(3, "gap"), (3, "broken_link")]


def test_a_chain_whose_end_was_cut_off_or_that_was_made_anew_is_found_by_a_hash_that_was_kept() -> None:
    records = chain(5)
    assert list(faults(records, records[3].hash)) == []
    assert [(fault.number, fault.code) for fault in faults(records[:3], records[3].hash)] == [(3, "hash_missing")]
    assert [fault.code for fault in faults([], records[0].hash)] == ["hash_missing"]
