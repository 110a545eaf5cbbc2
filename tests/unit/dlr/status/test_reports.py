"""Facts and receipts read as reports, and documents as what they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from services.dlr.status.message import Message
from services.dlr.status.reports import of_fact, of_receipt
from services.dlr.status.tell import event_of
from shared.contracts.events import MessageStatusChanged
from shared.contracts.states import State
from shared.contracts.words import FactKind, ReceiptState
from shared.errors import BadRecord
from tests.unit.dlr.building import asked, at, fact, folded, operator_receipt, part_fact, receipt


@pytest.mark.parametrize("kind", list(FactKind))
def test_every_kind_of_fact_is_read(kind: FactKind) -> None:
    report = of_fact("f", part_fact(kind, part=2, parts=3, attempt=4))
    assert (report.fact, report.part, report.parts, report.attempt, report.receipt) == ("f", 2, 3, 4, None)


@pytest.mark.parametrize("state", list(ReceiptState))
def test_every_state_of_a_receipt_is_read(state: ReceiptState) -> None:
    report = of_receipt(operator_receipt(state, part=2, attempt=3))
    assert (report.receipt, report.part, report.attempt, report.code) == (state, 2, 3, "034")


def test_a_refusal_keeps_the_operators_status() -> None:
    assert of_fact("f", part_fact(FactKind.REFUSED)).code == "0x00000008"


def test_times_are_as_precise_as_the_database_keeps_them() -> None:
    event = msgspec.structs.replace(part_fact(FactKind.QUEUED), at=at(0.0004567))
    assert of_fact("f", event).at.microsecond % 1000 == 0


def test_a_document_gives_back_the_message() -> None:
    message, _ = folded(
        asked(),
        fact(FactKind.QUEUED, part=0, parts=2),
        fact(FactKind.SUBMITTED, parts=2),
        receipt(ReceiptState.ENROUTE),
    )
    row = msgspec.to_builtins(message, builtin_types=(bytes, datetime))
    assert row["_id"] == message.id
    assert msgspec.convert(row, Message, builtin_types=(bytes, datetime)) == message


def test_an_event_carries_the_parts_as_they_were() -> None:
    message, _ = folded(
        asked(),
        fact(FactKind.UNKNOWN, parts=2),
        fact(FactKind.SUBMITTED, parts=2, part=2),
        fact(FactKind.SUBMITTED, parts=2),
    )
    event = event_of(message, message.history[-1])
    assert isinstance(event, MessageStatusChanged)
    assert (event.previous, event.state) == (State.UNKNOWN, State.SUBMITTED)
    assert [(part.part, part.state, part.attempt) for part in event.part_states] == [
        (1, State.SUBMITTED, 1),
        (2, State.SUBMITTED, 1),
    ]


@pytest.mark.parametrize(("code", "permanent"), [("no_such_number", True), ("operator_refused", False)])
def test_a_final_event_says_whether_to_drop_the_number(code: str, permanent: bool) -> None:
    message, _ = folded(asked(), fact(FactKind.REFUSED, code=code))
    event = event_of(message, message.history[-1])
    assert isinstance(event, MessageStatusChanged)
    assert (event.reason, event.permanent) == (code, permanent)


@pytest.mark.parametrize("wrong", [{"parts": 256}, {"part": -1}, {"part": 2**64}, {"attempt": 2**31}])
def test_numbers_that_no_message_has_are_bad_records(wrong: dict[str, int]) -> None:
    with pytest.raises(BadRecord) as caught:
        of_fact("f", msgspec.structs.replace(part_fact(FactKind.QUEUED), **wrong))
    assert caught.value.code == "bad_payload"
    if "parts" not in wrong:
        with pytest.raises(BadRecord):
            of_receipt(msgspec.structs.replace(operator_receipt(ReceiptState.DELIVERED), **wrong))


def test_a_time_of_another_zone_is_told_alike_before_and_after_the_database() -> None:
    oslo = timezone(timedelta(hours=1))
    report = of_fact("f", msgspec.structs.replace(part_fact(FactKind.QUEUED), at=at(1).astimezone(oslo)))
    assert (report.at, report.at.tzinfo) == (at(1), UTC)
