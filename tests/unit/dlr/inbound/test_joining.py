"""Parts of long messages become whole, whatever happens to them on the way."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from services.dlr.inbound.joining import Joining, Piece, Whole, give_up, handed_on, missing, take, text_of
from shared.contracts.inbound import InboundCoding, InboundId
from shared.privacy.sealing import Sealed
from tests.unit.dlr.building import START

PATIENCE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
GSM7, LATIN1, UCS2, BINARY = InboundCoding


def empty(parts: int = 2) -> Joining:
    return Joining(id="x", operator="fjord", to="2012", parts=parts, partition=0, forget_at=START)


def piece(message: str, part: int, at: datetime = START) -> Piece:
    """A part of the message of that name."""
    name = hashlib.blake2b(f"{message}{part}".encode(), digest_size=16).hexdigest()
    return Piece(InboundId(name), part, at, GSM7, Sealed(b""), Sealed(f"{message}{part}".encode()))


def taken(joining: Joining, *pieces: Piece, now: datetime = START) -> Joining:
    for one in pieces:
        joining = take(joining, one, 0, now, PATIENCE)
    return joining


def said(wholes: tuple[Whole, ...]) -> list[str]:
    return ["".join(bytes(one.content).decode() for one in whole.pieces) for whole in wholes]


A1, A2, A3 = (piece("a", part) for part in (1, 2, 3))
B1, B2 = (piece("b", part) for part in (1, 2))


@pytest.mark.parametrize("order", [(A1, A2, A3), (A3, A1, A2), (A2, A3, A1), (A3, A2, A1), (A2, A2, A3, A2, A1)])
def test_in_any_order_and_with_repeats_it_is_one_message(order: tuple[Piece, ...]) -> None:
    joining = taken(empty(3), *order)

    assert said(joining.ready) == ["a1a2a3"]
    assert (joining.waiting, missing(joining.ready[0], 3)) == ((), ())


def test_until_the_last_part_it_waits() -> None:
    joining = taken(empty(3), A1, A3)
    assert (joining.ready, joining.due_at) == ((), START + PATIENCE)
    assert give_up(joining, START + PATIENCE - SECOND, PATIENCE) is joining


def test_in_due_time_what_has_come_is_handed_on_and_says_what_is_missing() -> None:
    joining = give_up(taken(empty(3), A3, A1), START + PATIENCE, PATIENCE)

    assert said(joining.ready) == ["a1a3"]
    assert missing(joining.ready[0], 3) == (2,)


def test_a_part_that_comes_too_late_is_handed_on_by_itself() -> None:
    later = START + 2 * PATIENCE
    joining = handed_on(give_up(taken(empty(), A1), later, PATIENCE), later)

    joining = taken(joining, piece("a", 2, later), now=later)
    joining = give_up(joining, later + PATIENCE, PATIENCE)

    assert said(joining.ready) == ["a2"]
    assert missing(joining.ready[0], 2) == (1,)


def test_after_a_whole_message_its_repeats_are_nothing_and_its_reference_is_free() -> None:
    joining = handed_on(taken(empty(), A1, A2), START)

    assert taken(joining, A2, A1) is joining
    assert said(taken(joining, B2, A1, B1).ready) == ["b1b2"]


def test_the_reference_of_an_unfinished_message_used_again_ends_it() -> None:
    joining = taken(empty(), A1, B1, B2)

    assert said(joining.ready) == ["a1", "b1b2"]
    assert missing(joining.ready[0], 2) == (2,)


def test_parts_that_lie_further_apart_than_one_waits_are_of_two_messages_whenever_they_are_read() -> None:
    joining = taken(empty(), A1, piece("b", 2, START + PATIENCE + SECOND))

    assert said(joining.ready) == ["a1"]
    assert said((Whole(InboundId("x"), joining.waiting),)) == ["b2"]


def test_the_same_parts_a_day_later_are_another_message() -> None:
    later = START + timedelta(hours=24)
    joining = handed_on(taken(empty(), A1, A2), START)

    again = taken(joining, piece("a", 1, later), piece("a", 2, later), now=later)

    assert said(again.ready) == ["a1a2"]
    assert {one.at for one in handed_on(again, later).handed} == {later}


def test_what_is_ready_is_looked_at_again_until_it_is_handed_on() -> None:
    joining = taken(empty(), A1, A2)
    assert joining.due_at == START + PATIENCE
    assert handed_on(joining, START).due_at is None
    assert handed_on(taken(joining, B1), START).due_at == START + PATIENCE


def test_the_same_parts_make_the_same_message() -> None:
    one, other = taken(empty(), A1, A2).ready, taken(empty(), A2, A1).ready
    assert one[0].id == other[0].id
    assert give_up(taken(empty(), A1), START + PATIENCE, PATIENCE).ready[0].id != one[0].id


def test_what_is_remembered_is_bounded() -> None:
    joining = empty()
    for number in range(600):
        joining = handed_on(taken(joining, piece(f"{number}.", 1), piece(f"{number}.", 2)), START)
    assert len(joining.handed) == 1_000


@pytest.mark.parametrize(
    ("pieces", "text", "coding"),
    [
        ([(1, GSM7, b"bl\x0cb"), (2, GSM7, b"\x0fr")], "bløbår", GSM7),
        ([(1, GSM7, b"5 \x1b"), (2, GSM7, b"e")], "5 €", GSM7),
        ([(1, UCS2, b"\xd8\x3d"), (2, UCS2, b"\xde\x00")], "😀", UCS2),
        ([(1, GSM7, b"hei p"), (2, GSM7, b"\xe5 deg")], "hei på deg", LATIN1),
        ([(1, GSM7, b"hei "), (2, UCS2, "😀".encode("utf-16-be"))], "hei 😀", UCS2),
        ([(1, GSM7, b"hei"), (2, GSM7, b"")], "hei", GSM7),
        ([(1, GSM7, b""), (2, GSM7, b"")], "", GSM7),
        ([(1, GSM7, b"")], "", GSM7),
        ([(1, BINARY, b"\x01"), (2, BINARY, b"\xff")], "01ff", BINARY),
        ([(1, GSM7, b"hei"), (2, BINARY, b"\xff")], "686569ff", BINARY),
        ([(1, UCS2, b"\xd8\x3d"), (3, UCS2, b"\xde\x00")], "d83dde00", BINARY),
    ],
)
def test_the_text_of_parts_is_read_across_their_borders(
    pieces: list[tuple[int, InboundCoding, bytes]], text: str, coding: InboundCoding
) -> None:
    assert text_of(pieces) == (text, coding)


class Parts(RuleBasedStateMachine):
    """One sender whose messages all have one reference; deliveries out of order, late, interleaved and repeated,
    processes that die between what is written and what is told.
    """

    under_way = Bundle("under_way")
    delivered = Bundle("delivered")

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.joining = empty(3)
        self.told: dict[InboundId, Whole] = {}
        self.sent: set[InboundId] = set()
        self.messages = 0

    @rule(target=under_way)
    def write(self) -> object:
        """A message is sent."""
        self.messages += 1
        return multiple(*(piece(f"m{self.messages}.", part) for part in (1, 2, 3)))

    @rule(target=delivered, one=consumes(under_way))
    def deliver(self, one: Piece) -> Piece:
        """A part comes for the first time."""
        came = Piece(one.id, one.part, self.now, one.coding, one.from_, one.content)
        self.sent.add(came.id)
        self.take(came)
        return came

    @rule(one=delivered)
    def deliver_again(self, one: Piece) -> None:
        """An operator that got no answer, or a record that is read again."""
        self.take(one)

    def take(self, one: Piece) -> None:
        self.joining = take(self.joining, one, 0, self.now, PATIENCE)

    @rule(seconds=st.integers(1, 400))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        self.joining = give_up(self.joining, self.now, PATIENCE)
        self.tell()

    @rule(killed=st.booleans())
    def tell(self, killed: bool = False) -> None:
        """What is ready becomes messages; a process killed then leaves it ready."""
        self.told |= {whole.id: whole for whole in self.joining.ready}
        if not killed:
            self.joining = handed_on(self.joining, self.now)

    @invariant()
    def no_part_is_lost_or_handed_on_twice(self) -> None:
        ready = {whole.id: whole for whole in self.joining.ready}
        found = [one.id for whole in (self.told | ready).values() for one in whole.pieces]
        found += [one.id for one in self.joining.waiting]
        assert sorted(found) == sorted(self.sent)

    @invariant()
    def nothing_waits_without_an_end(self) -> None:
        waits = bool(self.joining.waiting or self.joining.ready)
        assert (self.joining.due_at is not None) == waits

    @invariant()
    def parts_are_in_order_and_each_is_there_once(self) -> None:
        for whole in self.told.values():
            numbers = [one.part for one in whole.pieces]
            assert numbers == sorted(set(numbers))


Parts.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestParts = Parts.TestCase
