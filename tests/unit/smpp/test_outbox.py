"""The outbox against sessions that are played: everything ends once, in its place, within bounds."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, cast

import pytest

from shared.smpp.backoff import Backoff
from shared.smpp.constants import ESME_RINVDSTADR, ESME_RMSGQFUL, ESME_RX_P_APPN, ESME_RX_T_APPN
from shared.smpp.errors import UnencodablePdu
from shared.smpp.outbox import Outbox
from shared.smpp.pdu import DeliverSm
from shared.smpp.results import Accepted, Ending, Refused, SubmitResult, Unknown
from shared.smpp.server import ServerSession
from tests.support import wait_until

TAKEN = Accepted(b"")
NEVER, AT_ONCE = Backoff(first=3_600, longest=3_600), Backoff(first=0.0)


class Played:
    """A session that keeps what it is sent until the test says how it ended."""

    def __init__(self, outbox: Outbox, window: int = 2, system_id: bytes = b"esme") -> None:
        self.system_id = system_id
        self.sent: list[bytes] = []
        self.window = window
        self._outbox = outbox
        self._open: list[tuple[Any, Any]] = []
        outbox.joined(cast("ServerSession", self))

    @property
    def free(self) -> int:
        return self.window - len(self._open)

    @property
    def flying(self) -> list[Any]:
        return [context for context, _ in self._open]

    def send(self, message: DeliverSm, context: Any, on_result: Any) -> None:
        assert self.free > 0
        self.sent.append(message.short_message)
        self._open.append((context, on_result))

    def end(self, result: SubmitResult, index: int = 0) -> Any:
        context, on_result = self._open.pop(index)
        on_result(context, result)
        return context

    def close(self, ending: Ending = Ending.LINK_LOST) -> None:
        self.window = 0
        ended, self._open = self._open, []
        for context, on_result in ended:
            on_result(context, Unknown(ending))
        self._outbox.left(cast("ServerSession", self), ending)


class Owner:
    """Who is told how each delivery ended."""

    def __init__(self, **options: Any) -> None:
        self.ended: list[tuple[int, SubmitResult]] = []
        self.outbox = Outbox(
            lambda context, result: self.ended.append((context, result)),
            random=Random(1),
            **{"backoff": NEVER, **options},
        )

    def add(self, *numbers: int, system_id: bytes = b"esme") -> list[bool]:
        return [self.outbox.add(system_id, DeliverSm(short_message=b"%d" % number), number) for number in numbers]


async def test_what_was_added_before_a_bind_goes_out_in_order_under_its_window() -> None:
    owner = Owner()
    owner.add(1, 2, 3)

    session = Played(owner.outbox)
    assert session.sent == [b"1", b"2"]
    session.end(TAKEN)

    assert session.sent == [b"1", b"2", b"3"]
    assert owner.ended == [(1, TAKEN)]
    assert len(owner.outbox) == 2


async def test_what_a_lost_bind_had_goes_out_first_and_in_order_on_the_next() -> None:
    owner = Owner()
    owner.add(1, 2, 3)
    Played(owner.outbox).close()
    assert owner.ended == []

    assert Played(owner.outbox, window=9).sent == [b"1", b"2", b"3"]


async def test_what_a_lost_bind_had_goes_out_at_once_on_another_that_stands() -> None:
    owner = Owner()
    first, second = Played(owner.outbox, window=2), Played(owner.outbox, window=1)
    owner.add(1, 2, 3, 4)
    assert (first.sent, second.sent) == ([b"1", b"2"], [b"3"])

    second.window = 9
    first.close()

    assert second.sent == [b"3", b"1", b"2", b"4"]


@pytest.mark.parametrize("status", [ESME_RX_P_APPN, ESME_RINVDSTADR, 0x4A1])
async def test_a_refusal_for_good_is_told_and_not_repeated(status: int) -> None:
    owner = Owner()
    session = Played(owner.outbox, window=1)
    owner.add(1, 2)

    session.end(Refused(status))

    assert owner.ended == [(1, Refused(status))]
    assert session.sent == [b"1", b"2"]


@pytest.mark.parametrize("result", [Refused(ESME_RX_T_APPN), Refused(ESME_RMSGQFUL), Unknown(Ending.NO_RESPONSE)])
async def test_what_was_refused_for_a_while_is_repeated_before_anything_new_and_after_a_pause(
    result: SubmitResult,
) -> None:
    owner = Owner(backoff=Backoff(first=0.001))
    session = Played(owner.outbox, window=1)
    owner.add(1, 2)

    session.end(result)
    assert session.sent == [b"1"]
    await wait_until(lambda: len(session.sent) == 2)

    assert session.sent == [b"1", b"1"]
    assert owner.ended == []
    owner.outbox.close()


async def test_a_new_bind_ends_the_pause() -> None:
    owner = Owner()
    session = Played(owner.outbox, window=1)
    owner.add(1)
    session.end(Refused(ESME_RX_T_APPN))
    assert session.sent == [b"1"]

    assert Played(owner.outbox, window=2).sent == [b"1"]


@pytest.mark.parametrize("result", [Refused(ESME_RX_T_APPN), Unknown(Ending.NO_RESPONSE)])
async def test_nothing_is_repeated_for_ever(result: SubmitResult) -> None:
    owner = Owner(attempts=3, backoff=AT_ONCE)
    session = Played(owner.outbox, window=1)
    owner.add(1)

    for tries in range(1, 4):
        await wait_until(lambda tries=tries: len(session.sent) == tries)  # type: ignore[misc]
        session.end(result)

    assert owner.ended == [(1, result)]
    assert len(owner.outbox) == 0


async def test_a_delivery_that_ends_every_bind_is_given_up() -> None:
    owner = Owner(attempts=3)
    owner.add(1)

    for _ in range(3):
        Played(owner.outbox).close()

    assert owner.ended == [(1, Unknown(Ending.LINK_LOST))]


async def test_no_more_than_the_limit_is_kept_for_a_system_id_and_others_have_their_own() -> None:
    owner = Owner(most=2)

    assert owner.add(1, 2, 3) == [True, True, False]
    assert owner.add(4, system_id=b"other") == [True]
    assert len(owner.outbox) == 3
    Played(owner.outbox).end(TAKEN)
    assert owner.add(5) == [True]


async def test_a_system_id_without_binds_and_deliveries_leaves_nothing_behind() -> None:
    owner = Owner()
    owner.add(1)
    session = Played(owner.outbox)
    session.end(TAKEN)
    session.close()

    assert owner.outbox._queues == {}


async def test_a_late_yes_is_believed_and_nothing_sent_again() -> None:
    owner = Owner()
    session = Played(owner.outbox, window=1)
    owner.add(1, 2)
    context = session.end(Unknown(Ending.NO_RESPONSE))

    owner.outbox.late(cast("ServerSession", session), context, TAKEN)
    owner.outbox.late(cast("ServerSession", session), context, TAKEN)

    assert owner.ended == [(1, TAKEN)]
    assert Played(owner.outbox).sent == [b"2"]


async def test_what_can_never_be_sent_is_not_kept() -> None:
    owner = Owner()

    with pytest.raises(UnencodablePdu):
        owner.outbox.add(b"esme", DeliverSm(source_addr=b"\0"), 1)
    assert len(owner.outbox) == 0


async def test_closing_gives_back_what_waits_and_tells_how_the_rest_ended() -> None:
    owner = Owner()
    session = Played(owner.outbox)
    owner.add(1, 2, 3, 4)

    assert owner.outbox.close() == [3, 4]
    session.close()

    assert owner.ended == [(number, Unknown(Ending.LINK_LOST)) for number in (1, 2)]
    assert owner.add(5) == [False]


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_each_ends_once_and_nothing_is_lost(seed: int) -> None:
    random, owner = Random(seed), Owner(attempts=4, most=50)
    sessions: list[Played] = []
    kept: set[int] = set()
    results = [TAKEN, TAKEN, Refused(ESME_RX_T_APPN), Refused(ESME_RX_P_APPN), Unknown(Ending.NO_RESPONSE)]

    for number in range(400):
        match random.randrange(5):
            case 0 | 1:
                if owner.add(number) == [True]:
                    kept.add(number)
            case 2 if len(sessions) < 3:
                sessions.append(Played(owner.outbox, window=random.randint(1, 4)))
            case 3 if sessions and random.random() < 0.3:
                sessions.pop(random.randrange(len(sessions))).close()
            case _:
                flying = [session for session in sessions if session.flying]
                if flying:
                    session = random.choice(flying)
                    session.end(random.choice(results), random.randrange(len(session.flying)))
        assert len(owner.outbox) <= 50
    waiting = owner.outbox.close()
    for session in sessions:
        session.close()

    ended = Counter([context for context, _ in owner.ended] + waiting)
    assert set(ended) == kept
    assert set(ended.values()) <= {1}
    assert len(owner.outbox) == 0
