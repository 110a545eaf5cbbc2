"""What each report makes of a message: a table of cases in the words of contracts.md section 3."""

from __future__ import annotations

import pytest

from services.dlr.status.message import Move, Report
from shared.contracts.codes import Reason
from shared.contracts.states import State
from shared.contracts.words import FactKind as F
from shared.contracts.words import ReceiptState as R
from tests.unit.dlr.building import asked, at, fact, folded, receipt

SINGLE: list[tuple[str, list[Report], list[State], str | None, int]] = [
    ("nothing yet", [], [State.ACCEPTED], None, 0),
    ("scheduled", [fact(F.SCHEDULED, part=0)], [State.ACCEPTED, State.SCHEDULED], None, 0),
    (
        "scheduled, then due",
        [fact(F.SCHEDULED, part=0), fact(F.QUEUED, part=0)],
        [State.ACCEPTED, State.SCHEDULED, State.QUEUED],
        None,
        0,
    ),
    ("held", [fact(F.HELD, part=0)], [State.ACCEPTED, State.HELD], None, 0),
    (
        "held and released",
        [fact(F.HELD, part=0), fact(F.RELEASED, part=0)],
        [State.ACCEPTED, State.HELD, State.ACCEPTED],
        None,
        0,
    ),
    (
        "held and rejected",
        [fact(F.HELD, part=0), fact(F.REJECTED, part=0, code="url_not_approved")],
        [State.ACCEPTED, State.HELD, State.REJECTED],
        "url_not_approved",
        0,
    ),
    (
        "scheduled and cancelled",
        [fact(F.SCHEDULED, part=0), fact(F.CANCELLED, part=0)],
        [State.ACCEPTED, State.SCHEDULED, State.CANCELLED],
        None,
        0,
    ),
    ("rejected", [fact(F.REJECTED, part=0, code="opted_out")], [State.ACCEPTED, State.REJECTED], "opted_out", 0),
    ("expired before it was sent", [fact(F.EXPIRED, part=0)], [State.ACCEPTED, State.EXPIRED], "validity_over", 0),
    ("queued", [fact(F.QUEUED, part=0)], [State.ACCEPTED, State.QUEUED], None, 0),
    (
        "rejected late",
        [fact(F.QUEUED, part=0), fact(F.REJECTED, code="opted_out")],
        [State.ACCEPTED, State.QUEUED, State.REJECTED],
        "opted_out",
        0,
    ),
    (
        "refused",
        [fact(F.QUEUED, part=0), fact(F.REFUSED)],
        [State.ACCEPTED, State.QUEUED, State.FAILED],
        Reason.OPERATOR_REFUSED,
        0,
    ),
    (
        "refused with a code",
        [fact(F.REFUSED, code="no_such_number")],
        [State.ACCEPTED, State.FAILED],
        "no_such_number",
        0,
    ),
    ("no route", [fact(F.FAILED, part=0, code="no_route")], [State.ACCEPTED, State.FAILED], "no_route", 0),
    (
        "unknown, sent again, taken",
        [fact(F.UNKNOWN), fact(F.QUEUED, part=0, attempt=2), fact(F.SUBMITTED, attempt=2)],
        [State.ACCEPTED, State.UNKNOWN, State.QUEUED, State.SUBMITTED],
        None,
        1,
    ),
    (
        "unknown to the end",
        [fact(F.UNKNOWN), fact(F.FAILED, code="outcome_unknown")],
        [State.ACCEPTED, State.UNKNOWN, State.FAILED],
        "outcome_unknown",
        0,
    ),
    (
        "unknown, settled by a receipt",
        [fact(F.UNKNOWN), receipt(R.DELIVERED)],
        [State.ACCEPTED, State.UNKNOWN, State.DELIVERED],
        None,
        1,
    ),
    (
        "sent again, and the first attempt arrived",
        [fact(F.UNKNOWN), fact(F.QUEUED, attempt=2), receipt(R.DELIVERED, attempt=1)],
        [State.ACCEPTED, State.UNKNOWN, State.QUEUED, State.DELIVERED],
        None,
        1,
    ),
    (
        "sent again and refused, and a late answer said that the first attempt was taken",
        [fact(F.UNKNOWN), fact(F.QUEUED, attempt=2), fact(F.SUBMITTED), fact(F.REFUSED, attempt=2)],
        [State.ACCEPTED, State.UNKNOWN, State.QUEUED, State.UNDELIVERED],
        Reason.OPERATOR_REFUSED,
        1,
    ),
    (
        "sent again, and a replay tells once more that the first attempt is unknown",
        [fact(F.UNKNOWN), fact(F.QUEUED, attempt=2), fact(F.UNKNOWN), fact(F.SUBMITTED, attempt=2)],
        [State.ACCEPTED, State.UNKNOWN, State.QUEUED, State.SUBMITTED],
        None,
        1,
    ),
    (
        "came back from one operator and taken by another",
        [fact(F.QUEUED, part=0), fact(F.QUEUED, attempt=2), fact(F.SUBMITTED, attempt=2)],
        [State.ACCEPTED, State.QUEUED, State.SUBMITTED],
        None,
        1,
    ),
    (
        "unknown twice",
        [
            fact(F.UNKNOWN),
            fact(F.QUEUED, attempt=2),
            fact(F.UNKNOWN, attempt=2),
            fact(F.FAILED, attempt=2, code="outcome_unknown"),
        ],
        [State.ACCEPTED, State.UNKNOWN, State.QUEUED, State.UNKNOWN, State.FAILED],
        "outcome_unknown",
        0,
    ),
    ("submitted", [fact(F.QUEUED), fact(F.SUBMITTED)], [State.ACCEPTED, State.QUEUED, State.SUBMITTED], None, 1),
    (
        "buffered and delivered",
        [fact(F.SUBMITTED), receipt(R.ENROUTE), receipt(R.DELIVERED)],
        [State.ACCEPTED, State.SUBMITTED, State.BUFFERED, State.DELIVERED],
        None,
        1,
    ),
    (
        "a receipt overtakes the submit response",
        [fact(F.QUEUED), receipt(R.DELIVERED)],
        [State.ACCEPTED, State.QUEUED, State.DELIVERED],
        None,
        1,
    ),
    (
        "the operator gave up in time",
        [fact(F.SUBMITTED), receipt(R.EXPIRED)],
        [State.ACCEPTED, State.SUBMITTED, State.EXPIRED],
        Reason.VALIDITY_OVER,
        1,
    ),
    *[
        (
            f"the operator says {said}",
            [fact(F.SUBMITTED), receipt(said)],
            [State.ACCEPTED, State.SUBMITTED, State.UNDELIVERED],
            reason,
            1,
        )
        for said, reason in (
            (R.UNDELIVERABLE, Reason.HANDSET_UNREACHABLE),
            (R.REJECTED, Reason.OPERATOR_REJECTED),
            (R.DELETED, Reason.OPERATOR_DELETED),
            (R.UNKNOWN, Reason.OPERATOR_UNKNOWN),
        )
    ],
]


@pytest.mark.parametrize(
    ("reports", "states", "reason", "taken"), [case[1:] for case in SINGLE], ids=[c[0] for c in SINGLE]
)
def test_a_message_of_one_part(reports: list[Report], states: list[State], reason: str | None, taken: int) -> None:
    message, _ = folded(asked(), *reports)
    assert [step.state for step in message.history] == states
    assert message.state is states[-1]
    last = message.history[-1]
    assert last.reason == reason
    assert (last.charge.parts if last.charge else 0) == taken
    assert [step.sequence for step in message.history] == sorted({step.sequence for step in message.history})


TWO: list[tuple[str, list[Report], State, str | None, int]] = [
    ("one of two submitted", [fact(F.SUBMITTED, parts=2)], State.QUEUED, None, 0),
    (
        "one unknown, one submitted",
        [fact(F.SUBMITTED, parts=2), fact(F.UNKNOWN, part=2, parts=2)],
        State.UNKNOWN,
        None,
        0,
    ),
    (
        "both submitted",
        [fact(F.SUBMITTED, parts=2), fact(F.SUBMITTED, part=2, parts=2)],
        State.SUBMITTED,
        None,
        2,
    ),
    (
        "one refused, the other submitted",
        [fact(F.REFUSED, parts=2), fact(F.SUBMITTED, part=2, parts=2)],
        State.SUBMITTED,
        None,
        1,
    ),
    (
        "one delivered, the other underway",
        [fact(F.SUBMITTED, parts=2), fact(F.SUBMITTED, part=2, parts=2), receipt(R.DELIVERED)],
        State.SUBMITTED,
        None,
        2,
    ),
    (
        "one buffered, the other delivered",
        [fact(F.SUBMITTED, part=2, parts=2), receipt(R.ENROUTE), receipt(R.DELIVERED, part=2)],
        State.BUFFERED,
        None,
        2,
    ),
    (
        "both delivered",
        [fact(F.QUEUED, part=0, parts=2), receipt(R.DELIVERED), receipt(R.DELIVERED, part=2)],
        State.DELIVERED,
        None,
        2,
    ),
    (
        "one delivered, one not",
        [fact(F.QUEUED, part=0, parts=2), receipt(R.DELIVERED), receipt(R.UNDELIVERABLE, part=2)],
        State.UNDELIVERED,
        Reason.HANDSET_UNREACHABLE,
        2,
    ),
    (
        "one delivered, one expired",
        [fact(F.QUEUED, part=0, parts=2), receipt(R.EXPIRED), receipt(R.DELIVERED, part=2)],
        State.EXPIRED,
        Reason.VALIDITY_OVER,
        2,
    ),
    (
        "one undelivered, one expired later",
        [
            fact(F.QUEUED, part=0, parts=2),
            receipt(R.DELETED, seconds=4),
            receipt(R.EXPIRED, part=2, seconds=9),
        ],
        State.UNDELIVERED,
        Reason.OPERATOR_DELETED,
        2,
    ),
    (
        "one delivered, one never taken",
        [fact(F.REFUSED, part=2, parts=2), receipt(R.DELIVERED)],
        State.UNDELIVERED,
        Reason.OPERATOR_REFUSED,
        1,
    ),
    (
        "one taken and expired, one expired here",
        [fact(F.SUBMITTED, parts=2), fact(F.EXPIRED, part=0, parts=2), receipt(R.EXPIRED)],
        State.EXPIRED,
        Reason.VALIDITY_OVER,
        1,
    ),
    (
        "none taken: the last refusal",
        [
            fact(F.REJECTED, parts=2, seconds=9, code="opted_out"),
            fact(F.REFUSED, part=2, parts=2, seconds=3),
        ],
        State.REJECTED,
        "opted_out",
        0,
    ),
    ("part 0 means all", [fact(F.FAILED, part=0, parts=2, code="no_route")], State.FAILED, "no_route", 0),
]


@pytest.mark.parametrize(("reports", "state", "reason", "taken"), [case[1:] for case in TWO], ids=[c[0] for c in TWO])
def test_a_message_of_two_parts(reports: list[Report], state: State, reason: str | None, taken: int) -> None:
    message, _ = folded(asked(), *reports)
    last = message.history[-1]
    assert (message.state, last.reason) == (state, reason)
    assert (last.charge.parts if last.charge else 0) == taken


def test_the_missing_parts_alone_are_sent_again() -> None:
    message, _ = folded(
        asked(),
        fact(F.SUBMITTED, parts=2),
        fact(F.UNKNOWN, part=2, parts=2),
        fact(F.QUEUED, part=0, parts=2, attempt=2),
        fact(F.SUBMITTED, part=2, parts=2, attempt=2),
    )
    assert [(part.state, part.attempt) for part in message.parts] == [(State.SUBMITTED, 1), (State.SUBMITTED, 2)]
    assert [step.state for step in message.history[-3:]] == [State.UNKNOWN, State.QUEUED, State.SUBMITTED]


def test_a_repeat_is_nothing() -> None:
    message, outcomes = folded(
        asked(), fact(F.SUBMITTED), receipt(R.DELIVERED), receipt(R.DELIVERED, receipt_id="another")
    )
    assert outcomes[-1].move is Move.REPEATED
    assert outcomes[-1].message is outcomes[-2].message
    assert outcomes[-1].told == ()
    assert len(message.history) == 3


def test_a_second_request_is_nothing() -> None:
    _, outcomes = folded(asked(), asked("released"))
    assert (outcomes[-1].move, outcomes[-1].told) == (Move.REPEATED, ())


def test_a_move_backwards_is_noted_and_not_applied() -> None:
    message, outcomes = folded(asked(), fact(F.SUBMITTED), fact(F.UNKNOWN))
    assert outcomes[-1].move is Move.BACKWARDS
    assert message.state is State.SUBMITTED
    assert [(note.fact, note.move) for note in message.notes] == [("unknown:1:1", Move.BACKWARDS)]


def test_a_submit_response_that_was_overtaken_adds_what_it_knows() -> None:
    message, outcomes = folded(asked(), fact(F.QUEUED), receipt(R.DELIVERED), fact(F.SUBMITTED))
    assert (outcomes[-1].move, outcomes[-1].told) == (Move.LATE, ())
    assert message.state is State.DELIVERED
    assert [one.key for one in message.submissions] == ["fjord:89ab11"]


def test_an_overtaking_receipt_has_the_whole_basis_of_the_charge() -> None:
    message, _ = folded(asked(), fact(F.QUEUED, part=0), receipt(R.DELIVERED))
    charge = message.history[-1].charge
    assert charge is not None
    assert (charge.parts, charge.country, charge.operator, charge.route_id) == (1, "NO", "fjord", "no-fjord")


@pytest.mark.parametrize(
    ("end", "said", "charged"),
    [
        ([fact(F.SUBMITTED), receipt(R.UNDELIVERABLE)], R.DELIVERED, 1),
        ([fact(F.SUBMITTED), receipt(R.DELIVERED)], R.UNDELIVERABLE, 1),
        ([fact(F.UNKNOWN), fact(F.FAILED, code="outcome_unknown")], R.DELIVERED, 1),
        ([fact(F.UNKNOWN), fact(F.FAILED, code="outcome_unknown")], R.ENROUTE, 1),
    ],
)
def test_a_receipt_after_the_end_is_told_beside_it(end: list[Report], said: R, charged: int) -> None:
    before, _ = folded(asked(), *end)
    late = receipt(said, receipt_id="late", seconds=99)
    after, outcomes = folded(late, receipt(said, receipt_id="later"), late, message=before)
    assert [outcome.move for outcome in outcomes] == [Move.CORRECTED, Move.BACKWARDS, Move.REPLAYED]
    assert after.state is before.state
    assert len(after.history) == len(before.history) + 1
    step = after.history[-1]
    assert (step.receipt, step.part, step.at, step.sequence) == (said, 1, at(99), before.version + 1)
    assert step.charge is not None
    assert step.charge.parts == charged
    assert outcomes[-1].told == (step,)


def test_a_late_word_of_being_underway_corrects_nothing() -> None:
    _, outcomes = folded(asked(), fact(F.SUBMITTED), receipt(R.DELIVERED), receipt(R.ENROUTE))
    assert outcomes[-1].move is Move.BACKWARDS


@pytest.mark.parametrize("part", [0, 3])
def test_a_receipt_for_no_part_of_the_message_is_noted(part: int) -> None:
    message, outcomes = folded(asked(), fact(F.QUEUED, part=0, parts=2), receipt(R.DELIVERED, part=part))
    assert outcomes[-1].move is Move.UNPLACED
    assert message.state is State.QUEUED


def test_nothing_is_told_before_the_request_and_all_of_it_after() -> None:
    early = [receipt(R.DELIVERED), fact(F.QUEUED, part=0), fact(F.SUBMITTED)]
    waiting, outcomes = folded(*early)
    assert [(outcome.move, outcome.told) for outcome in outcomes] == [(Move.WAITING, ())] * 3
    assert [one.key for one in waiting.submissions] == ["fjord:89ab11"]
    message, [outcome] = folded(asked(), message=waiting)
    states = [State.ACCEPTED, State.QUEUED, State.SUBMITTED, State.DELIVERED]
    assert [step.state for step in outcome.told] == states
    assert (message.waiting, message.state) == ((), State.DELIVERED)
    _, again = folded(asked(), *early, message=message)
    assert again[0].told == outcome.told
    assert all(one.move is Move.REPLAYED for one in again)


def test_a_receipt_waits_until_the_number_of_parts_is_known() -> None:
    waiting, outcomes = folded(asked(), receipt(R.DELIVERED))
    assert (outcomes[-1].move, waiting.state) == (Move.WAITING, State.ACCEPTED)
    queued = fact(F.QUEUED, part=0, parts=2)
    message, [outcome] = folded(queued, message=waiting)
    assert message.state is State.QUEUED
    assert message.parts[0].state is State.DELIVERED
    done, _ = folded(receipt(R.DELIVERED, part=2), message=message)
    assert done.state is State.DELIVERED
    _, [again] = folded(queued, message=done)
    assert again.told == outcome.told


def test_what_a_document_remembers_is_bounded() -> None:
    message, _ = folded(asked(), fact(F.SUBMITTED), receipt(R.DELIVERED))
    noise = [receipt(R.ENROUTE, receipt_id=f"noise {number}") for number in range(300)]
    message, _ = folded(*noise, message=message)
    assert len(message.notes) == 200


def test_an_operator_that_repeats_itself_before_the_request_fills_no_document() -> None:
    noise = [receipt(R.ENROUTE, receipt_id=f"noise {number}") for number in range(300)]
    waiting, outcomes = folded(*noise, receipt(R.DELIVERED))
    assert [report.receipt for report in waiting.waiting] == [R.ENROUTE, R.DELIVERED]
    assert {outcome.move for outcome in outcomes[1:-1]} == {Move.REPEATED}
    message, _ = folded(asked(), fact(F.QUEUED, part=0), message=waiting)
    assert message.state is State.DELIVERED
