"""Whatever the order and however often: the same end, forward only, told once, and replays say the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.dlr.status.fold import Asked
from services.dlr.status.message import Message, Report, Step
from services.dlr.status.tell import event_of
from shared.contracts.events import MessageStatusChanged
from shared.contracts.states import FINAL, State, may_move
from shared.contracts.words import FactKind as F
from shared.contracts.words import ReceiptState as R
from tests.unit.dlr.building import asked, fact, folded, receipt

NOT_TAKEN = {F.REFUSED: State.FAILED, F.FAILED: State.FAILED, F.EXPIRED: State.EXPIRED}
ENDS = {R.DELIVERED: State.DELIVERED, R.UNDELIVERABLE: State.UNDELIVERED, R.EXPIRED: State.EXPIRED}


class Life(msgspec.Struct):
    """What happened to the parts of one message, and what that comes to by the letter of the contract."""

    reports: list[Report]
    end: State


@st.composite
def part_lives(draw: st.DrawFn, part: int, parts: int) -> tuple[list[Report], State, bool]:
    """One part: perhaps an attempt of unknown outcome, then a last one that ends. Times are all different."""
    seconds = iter(range(part * 100, part * 100 + 99))
    attempts = draw(st.integers(1, 2))
    reports = []
    for attempt in range(1, attempts + 1):
        reports.append(fact(F.QUEUED, part=part, parts=parts, attempt=attempt, seconds=next(seconds)))
        if attempt < attempts:
            reports.append(fact(F.UNKNOWN, part=part, parts=parts, attempt=attempt, seconds=next(seconds)))
    if draw(st.booleans()):
        kind = draw(st.sampled_from(list(NOT_TAKEN)))
        reports.append(fact(kind, part=part, parts=parts, attempt=attempts, seconds=next(seconds)))
        return reports, NOT_TAKEN[kind], False
    reports.append(fact(F.SUBMITTED, part=part, parts=parts, attempt=attempts, seconds=next(seconds)))
    if draw(st.booleans()):
        reports.append(receipt(R.ENROUTE, part=part, attempt=attempts, seconds=next(seconds)))
    end = draw(st.sampled_from(list(ENDS)))
    reports.append(receipt(end, part=part, attempt=attempts, seconds=next(seconds)))
    return reports, ENDS[end], True


@st.composite
def lives(draw: st.DrawFn) -> Life:
    parts = draw(st.integers(1, 3))
    drawn = [draw(part_lives(part, parts)) for part in range(1, parts + 1)]
    ends = [end for _, end, _ in drawn]
    missed = [end for end in ends if end is not State.DELIVERED]
    if not missed:
        end = State.DELIVERED
    elif not any(taken for _, _, taken in drawn):
        end = ends[-1]
    else:
        end = State.EXPIRED if set(missed) == {State.EXPIRED} else State.UNDELIVERED
    return Life([report for reports, _, _ in drawn for report in reports], end)


@st.composite
def orders(draw: st.DrawFn) -> tuple[Life, list[Asked | Report]]:
    """A life, and all of it in any order with anything repeated, receipts also under another id: as by another link."""
    life = draw(lives())
    things: list[Asked | Report] = [asked(), *life.reports]
    elsewhere = [
        msgspec.structs.replace(report, fact=f"{report.fact}:elsewhere", link="fjord-2")
        for report in life.reports
        if report.receipt is not None
    ]
    repeats = draw(st.lists(st.sampled_from([*things, *elsewhere]), max_size=6))
    return life, list(draw(st.permutations(things + repeats)))


@given(orders())
def test_the_end_is_the_same_in_any_order(drawn: tuple[Life, list[Asked | Report]]) -> None:
    life, things = drawn
    message, _ = folded(*things)
    assert message.state is life.end
    assert message.waiting == ()


@given(orders())
def test_states_only_move_forward_and_the_final_one_is_told_once(drawn: tuple[Life, list[Asked | Report]]) -> None:
    _, things = drawn
    message, outcomes = folded(*things)
    first_told: dict[int, Step] = {}
    for outcome in outcomes:
        for step in outcome.told:
            assert first_told.setdefault(step.sequence, step) == step
    assert tuple(first_told[sequence] for sequence in sorted(first_told)) == message.history
    states = [step.state for step in message.history]
    assert states[0] is State.ACCEPTED
    assert all(may_move(before, after) for before, after in pairwise(states))
    assert len([state for state in states if state in FINAL]) == 1
    assert states[-1] is message.state


@given(orders(), st.data())
def test_a_replay_of_any_stretch_changes_nothing_and_tells_the_same(
    drawn: tuple[Life, list[Asked | Report]], data: st.DataObject
) -> None:
    _, things = drawn
    crash = data.draw(st.integers(1, len(things)))
    start = data.draw(st.integers(0, crash - 1))
    before, outcomes = folded(*things[:crash])
    told = _events(before, [step for outcome in outcomes[start:] for step in outcome.told])
    after, again = folded(*things[start:crash], message=before)
    assert after == before or {note.fact for note in after.notes} > {note.fact for note in before.notes}
    retold = _events(after, [step for outcome in again for step in outcome.told])
    assert told.items() <= retold.items()
    assert set(retold) <= {step.sequence for step in before.history}


@given(orders())
def test_every_part_that_an_operator_took_is_charged_at_the_end(drawn: tuple[Life, list[Asked | Report]]) -> None:
    life, things = drawn
    message, _ = folded(*things)
    taken = {report.part for report in life.reports if report.state is State.SUBMITTED}
    event = event_of(message, message.history[-1])
    assert isinstance(event, MessageStatusChanged)
    assert (event.charge.parts_taken if event.charge else 0) == len(taken)


def _events(message: Message, steps: Sequence[Step]) -> dict[int, bytes]:
    return {step.sequence: msgspec.json.encode(event_of(message, step)) for step in steps}
