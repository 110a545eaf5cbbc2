"""A commit never passes an unfinished record, whatever finishes, moves or is revoked in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.kafka.offsets import OffsetTracker


def test_gaps_between_records_are_passed_only_with_the_records_before_them() -> None:
    tracker = OffsetTracker(6)
    tracker.deliver([6, 8], 10)
    tracker.finish(8)
    assert tracker.committable() == 6
    tracker.finish(6)
    assert tracker.committable() == 10


def test_a_repeated_or_unknown_finish_is_nothing() -> None:
    tracker = OffsetTracker(0)
    tracker.deliver([0, 1], 2)
    assert tracker.finish(0)
    assert not tracker.finish(0)
    assert not tracker.finish(7)
    assert (tracker.committable(), len(tracker)) == (1, 1)


def test_the_reader_moves_on_over_markers_without_records() -> None:
    tracker = OffsetTracker(3)
    tracker.advance(9)
    tracker.advance(5)
    assert tracker.committable() == 9


@pytest.mark.parametrize(("offsets", "position"), [([2], 5), ([3, 5], 5), ([], 2)])
def test_records_out_of_order_are_an_error(offsets: list[int], position: int) -> None:
    tracker = OffsetTracker(3)
    with pytest.raises(ValueError, match="do not lie between"):
        tracker.deliver(offsets, position)


class Partition(RuleBasedStateMachine):
    """One partition with gaps, read by one owner after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[int] = []  # offsets of records; what is missing is a marker
        self.end = 0
        self.committed = 0
        self.done: set[int] = set()
        self.tracker = OffsetTracker(0)
        self.position = 0
        self.out: list[int] = []
        self.former: list[tuple[OffsetTracker, list[int]]] = []

    @rule(records=st.integers(0, 4), gap=st.integers(0, 3))
    def write(self, records: int, gap: int) -> None:
        self.log += range(self.end, self.end + records)
        self.end += records + gap

    @rule(most=st.integers(1, 5))
    def read(self, most: int) -> None:
        records = [offset for offset in self.log if offset >= self.position][:most]
        behind = [offset for offset in self.log if offset >= self.position][most:]
        self.position = behind[0] if behind else self.end
        self.tracker.deliver(records, self.position)
        self.out += records

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(self.out))
        self.done.add(offset)
        self.tracker.finish(offset)

    @precondition(lambda self: any(out for _, out in self.former))
    @rule(data=st.data())
    def finish_late(self, data: st.DataObject) -> None:
        tracker, out = data.draw(st.sampled_from([each for each in self.former if each[1]]))
        offset = data.draw(st.sampled_from(out))
        self.done.add(offset)
        tracker.finish(offset)

    @rule()
    def commit(self) -> None:
        offset = self.tracker.committable()
        assert offset >= self.committed
        self.committed = offset

    @rule(last_commit=st.booleans())
    def revoke_and_assign(self, last_commit: bool) -> None:
        if last_commit:
            self.commit()
        self.former.append((self.tracker, self.out))
        self.tracker, self.position, self.out = OffsetTracker(self.committed), self.committed, []

    @invariant()
    def everything_before_the_commit_is_done(self) -> None:
        assert {offset for offset in self.log if offset < self.committed} <= self.done

    @invariant()
    def nothing_is_left_when_all_is_finished(self) -> None:
        if set(self.out) <= self.done and not len(self.tracker):
            assert self.tracker.committable() == self.position

    @invariant()
    def the_count_is_what_is_open(self) -> None:
        assert len(self.tracker) == len([offset for offset in self.out if self.tracker.unfinished(offset)])


TestPartition = Partition.TestCase
TestPartition.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
