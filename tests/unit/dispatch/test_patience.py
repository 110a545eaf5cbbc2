"""A link slows down when it is asked to; a part is given up when others get through and it does not."""

from __future__ import annotations

from typing import cast

from services.dispatch.sender.parts import Part
from services.dispatch.sender.patience import MOST_FAULTS, Patience
from services.dispatch.sender.work import Attempt, Parcel
from shared.clock import ManualClock
from shared.kafka.at_least_once import Finishing
from shared.smpp.constants import ESME_RINVDSTADR, ESME_RMSGQFUL, ESME_RSYSERR, ESME_RTHROTTLED
from tests.unit.dispatch.building import START, Letters, received


class Rig:
    def __init__(self, letters: Letters) -> None:
        self.clock = ManualClock(START)
        self.patience = Patience(self.clock, (ESME_RMSGQFUL, ESME_RTHROTTLED), (ESME_RSYSERR,))
        parcel = Parcel(received(letters.order()), 1, cast("Finishing", None))  # type: ignore[type-arg]
        self.attempt = Attempt(parcel, Part(1, None), 1)

    def refused(self, status: int) -> bool:
        """The operator refuses the part once more, after the pause."""
        again = self.patience.refused(self.attempt, status)
        self.attempt = self.attempt.next()
        self.clock.advance(max(self.patience.left(), 0.0))
        return again


def test_each_pause_is_longer_until_something_is_taken_after_one(letters: Letters) -> None:
    rig = Rig(letters)
    pauses = []
    for _ in range(7):
        assert rig.patience.refused(rig.attempt, ESME_RTHROTTLED)
        pauses.append(rig.patience.left())
        rig.clock.advance(pauses[-1])
    rig.patience.taken()
    rig.patience.refused(rig.attempt, ESME_RMSGQFUL)

    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert rig.patience.left() == 0.25


def test_one_answer_after_the_other_within_a_pause_makes_one_pause(letters: Letters) -> None:
    rig = Rig(letters)
    for _ in range(50):
        rig.patience.refused(rig.attempt, ESME_RTHROTTLED)

    assert rig.patience.left() == 0.25


def test_what_the_operator_fails_over_while_it_takes_others_is_given_up(letters: Letters) -> None:
    rig = Rig(letters)
    tries = []
    for _ in range(MOST_FAULTS + 1):
        tries.append(rig.refused(ESME_RSYSERR))
        rig.patience.taken()

    assert tries == [True] * MOST_FAULTS + [False]


def test_an_operator_that_fails_over_everything_is_waited_for(letters: Letters) -> None:
    rig = Rig(letters)

    assert all(rig.refused(ESME_RSYSERR) for _ in range(100))


def test_any_other_status_is_final_and_costs_no_time(letters: Letters) -> None:
    rig = Rig(letters)

    assert not rig.patience.refused(rig.attempt, ESME_RINVDSTADR)
    assert rig.patience.left() <= 0
