"""The window: slots, sequence numbers, expiry."""

from __future__ import annotations

from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.smpp.constants import DELIVER_SM, MAX_SEQUENCE, SUBMIT_SM
from shared.smpp.results import SubmitResult
from shared.smpp.window import Window


def nothing(_: Any, __: SubmitResult) -> None: ...


def test_c30_the_sequence_wraps_to_one_and_skips_what_is_in_flight() -> None:
    window = Window(10, first_sequence=1)
    window.take(window.sequence(), SUBMIT_SM, "first", nothing, 0.0)
    window._next = MAX_SEQUENCE

    assert [window.sequence(), window.sequence()] == [MAX_SEQUENCE, 2]


def test_a_late_answer_is_known_once() -> None:
    window = Window(2)
    window.take(1, SUBMIT_SM, "message", nothing, 0.0)
    window.expire(1.0)

    assert window.settle(1, SUBMIT_SM) is None
    assert window.settle_late(1, SUBMIT_SM) == ("message",)
    assert window.settle_late(1, SUBMIT_SM) is None


def test_an_answer_of_another_kind_settles_nothing_and_a_nack_settles_any() -> None:
    window = Window(2)
    window.take(1, SUBMIT_SM, "message", nothing, 0.0)
    assert window.settle(1, DELIVER_SM) is None
    assert window.settle(1, None) == ("message", nothing)

    window.take(2, SUBMIT_SM, "message", nothing, 0.0)
    window.expire(1.0)
    assert window.settle_late(2, DELIVER_SM) is None
    assert window.settle_late(2, None) == ("message",)


def test_c38_what_expired_is_remembered_in_bounded_memory() -> None:
    window = Window(3)
    for number in range(1, 1001):
        window.take(number, SUBMIT_SM, number, nothing, float(number))
        window.expire(float(number))

    remembered = [number for number in range(1, 1001) if window.settle_late(number, SUBMIT_SM)]

    assert remembered == [998, 999, 1000]


class WindowAgainstASet(RuleBasedStateMachine):
    """Against a plain dictionary of what is in flight: same free slots, each context out exactly once."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(5, first_sequence=MAX_SEQUENCE - 2)
        self.flying: dict[int, float] = {}
        self.now = 0.0

    @precondition(lambda self: self.window.free > 0)
    @rule()
    def take(self) -> None:
        self.now += 1
        sequence = self.window.sequence()
        assert 1 <= sequence <= MAX_SEQUENCE
        assert sequence not in self.flying
        self.window.take(sequence, SUBMIT_SM, sequence, nothing, self.now)
        self.flying[sequence] = self.now

    @precondition(lambda self: bool(self.flying))
    @rule()
    def settle_the_newest(self) -> None:
        sequence, _ = self.flying.popitem()
        assert self.window.settle(sequence, SUBMIT_SM) == (sequence, nothing)
        assert self.window.settle(sequence, SUBMIT_SM) is None

    @precondition(lambda self: bool(self.flying))
    @rule()
    def expire_the_oldest(self) -> None:
        oldest = next(iter(self.flying))
        expired = self.window.expire(self.flying.pop(oldest))
        assert expired == [(oldest, nothing)]

    @rule()
    def drain(self) -> None:
        assert [context for context, _ in self.window.drain()] == list(self.flying)
        self.flying.clear()

    @invariant()
    def counts(self) -> None:
        assert self.window.free == 5 - len(self.flying)


TestWindowAgainstASet = WindowAgainstASet.TestCase
