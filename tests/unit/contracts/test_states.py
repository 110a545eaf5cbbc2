from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.codes import PERMANENT, Reason
from shared.contracts.states import FINAL, REACHABLE, TAKEN, TRANSITIONS, State, may_move
from shared.contracts.words import LANE_OF, Category

LEGAL = {
    "scheduled": "accepted held rejected cancelled",
    "accepted": "held queued rejected expired cancelled",
    "held": "scheduled accepted rejected expired cancelled",
    "queued": "submitted buffered delivered undelivered unknown rejected failed expired cancelled",
    "unknown": "queued submitted buffered delivered undelivered failed expired",
    "submitted": "buffered delivered undelivered expired",
    "buffered": "delivered undelivered expired",
}
FINALS = {"delivered", "undelivered", "expired", "rejected", "failed", "cancelled"}


def test_the_table_holds_the_legal_moves_and_no_other() -> None:
    assert {str(before): {str(after) for after in afters} for before, afters in TRANSITIONS.items()} == {
        before: set(afters.split()) for before, afters in LEGAL.items()
    }


def test_every_state_either_has_moves_or_is_final() -> None:
    assert {str(state) for state in FINAL} == FINALS
    assert set(TRANSITIONS) == set(State) - FINAL


def test_final_states_have_no_exit() -> None:
    assert all(not REACHABLE[state] for state in FINAL)


def test_what_an_operator_took_cannot_become_untaken() -> None:
    untaken = set(State) - TAKEN - {State.EXPIRED}
    assert all(not REACHABLE[state] & untaken for state in TAKEN)


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_every_open_state_can_end_as_delivered_or_expired(state: State) -> None:
    assert {State.DELIVERED, State.EXPIRED} <= REACHABLE[state]


@pytest.mark.parametrize(
    ("before", "after", "legal"),
    [
        (State.ACCEPTED, State.DELIVERED, True),
        (State.SCHEDULED, State.SUBMITTED, True),
        (State.HELD, State.QUEUED, True),
        (State.UNKNOWN, State.REJECTED, True),
        (State.SUBMITTED, State.QUEUED, False),
        (State.SUBMITTED, State.UNKNOWN, False),
        (State.SUBMITTED, State.FAILED, False),
        (State.BUFFERED, State.SUBMITTED, False),
        (State.QUEUED, State.ACCEPTED, False),
        (State.QUEUED, State.HELD, False),
        (State.DELIVERED, State.UNDELIVERED, False),
    ],
)
def test_jumps_go_forward_only(before: State, after: State, legal: bool) -> None:
    assert may_move(before, after) is legal


@given(st.sampled_from(State))
def test_a_repeat_is_no_move(state: State) -> None:
    assert not may_move(state, state)


@given(st.sampled_from(State), st.sampled_from(State), st.sampled_from(State))
def test_two_jumps_are_one(first: State, second: State, third: State) -> None:
    if may_move(first, second) and may_move(second, third) and first is not third:
        assert may_move(first, third)


def test_every_category_has_a_lane() -> None:
    assert set(LANE_OF) == set(Category)
    assert LANE_OF[Category.OTP] == LANE_OF[Category.ALARM] == "express"
    assert LANE_OF[Category.TRANSACTIONAL] == "standard"
    assert LANE_OF[Category.MARKETING] == "bulk"


def test_reasons_about_the_number_are_permanent() -> None:
    assert {str(reason) for reason in PERMANENT} == {"no_such_number", "barred", "invalid_number"}
    assert set(PERMANENT) < set(Reason)
