"""A link keeps its binds up and hands out the one with room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from shared.clock import SystemClock
from shared.smpp.backoff import Backoff
from shared.smpp.codec import encode_header, encode_response
from shared.smpp.constants import ESME_RINVDSTADR, ESME_RINVPASWD, ESME_ROK, ESME_RTHROTTLED, SUBMIT_SM, UNBIND
from shared.smpp.errors import NotBound, UnencodablePdu
from shared.smpp.link import Link, LinkChange
from shared.smpp.results import Accepted, Ending, Refused, Unknown
from shared.smpp.settings import BindMode, BindSettings, SessionSettings
from tests.integration.smpp.peers import MESSAGE, PASSWORD, Lines, RawPeer, Received, Submits
from tests.support import wait_until

QUICK = Backoff(first=0.002, longest=0.01, steady=60)


def bind_settings(
    port: int, *, window: int = 10, mode: BindMode = BindMode.TRANSCEIVER, system_id: str = "esme"
) -> BindSettings:
    return BindSettings(
        host="127.0.0.1",
        port=port,
        system_id=system_id,
        password=PASSWORD,
        mode=mode,
        session=SessionSettings(window=window),
    )


@asynccontextmanager
async def linked(*binds: BindSettings, on_change: Callable[[LinkChange], None]) -> AsyncIterator[Link]:
    link = Link(
        binds,
        on_deliver=Received().on_deliver,
        on_change=on_change,
        random=Random(1),
        clock=SystemClock(),
        backoff=QUICK,
    )
    link.start()
    try:
        yield link
    finally:
        await link.stop(1)


async def take_bind(peers: asyncio.Queue[RawPeer], status: int = ESME_ROK) -> RawPeer:
    async with asyncio.timeout(5):
        peer = await peers.get()
    command_id, _, sequence, _ = await peer.read()
    peer.send(encode_response(command_id, status, sequence))
    return peer


async def test_every_bind_comes_up_and_a_submit_goes_through(lines: Lines) -> None:
    server = await lines.listening()
    changes: list[LinkChange] = []

    async with linked(*[bind_settings(server.port)] * 3, on_change=changes.append) as link:
        assert await link.submit(MESSAGE) == Accepted(b"1")
        await wait_until(lambda: link.up == 3)

    assert [change.up for change in changes] == [1, 2, 3, 2, 1, 0]
    assert {change.ending for change in changes[3:]} == {Ending.UNBOUND}


async def test_a_bind_that_ends_is_made_again_and_nothing_is_sent_twice(lines: Lines) -> None:
    port, peers = await lines.listen_raw()
    changes: list[LinkChange] = []

    async with linked(bind_settings(port), on_change=changes.append) as link:
        peer = await take_bind(peers)
        submit = asyncio.create_task(link.submit(MESSAGE))
        await peer.read()
        peer.reset()
        assert await submit == Unknown(Ending.LINK_LOST)

        again = await take_bind(peers)
        await wait_until(lambda: link.up == 1)
        assert await again.answers_enquire_link()
        again.close()

    assert changes[:3] == [LinkChange(0, 1), LinkChange(0, 0, ending=Ending.LINK_LOST), LinkChange(0, 1)]


async def test_refusals_and_lost_connections_are_reported_and_tried_again(lines: Lines) -> None:
    port, peers = await lines.listen_raw()
    changes: list[LinkChange] = []

    async with linked(bind_settings(port), on_change=changes.append) as link:
        await take_bind(peers, ESME_RINVPASWD)
        (await peers.get()).close()
        peer = await take_bind(peers)
        await wait_until(lambda: link.up == 1)
        peer.close()

    assert changes[:3] == [
        LinkChange(0, 0, error="smpp_bind_refused", status=ESME_RINVPASWD),
        LinkChange(0, 0, error="smpp_connect_failed"),
        LinkChange(0, 1),
    ]


async def test_slots_are_handed_out_where_most_are_free_and_waited_for_when_there_are_none(lines: Lines) -> None:
    port, peers = await lines.listen_raw()

    async with linked(*[bind_settings(port, window=2)] * 2, on_change=lambda _: None) as link:
        first, second = await take_bind(peers), await take_bind(peers)
        await wait_until(lambda: link.up == 2)
        received = Received()
        for number in range(4):
            await link.send(MESSAGE, number, received.on_result)
        assert (link.free, link.in_flight) == (0, 4)

        waiting = asyncio.create_task(link.slot())
        frames = await first.read_many(2)
        assert len(await second.read_many(2)) == 2
        assert not waiting.done()
        first.send(encode_response(SUBMIT_SM, ESME_ROK, frames[0][2], b"1"))
        assert (await waiting).free == 1
        first.close()
        second.close()


async def test_a_receiver_is_no_place_to_send(lines: Lines) -> None:
    server = await lines.listening()

    async with linked(bind_settings(server.port, mode=BindMode.RECEIVER), on_change=lambda _: None) as link:
        await wait_until(lambda: link.up == 1)

        assert link.free_bind() is None


async def test_throttling_is_remembered_and_the_link_goes_on_handing_out_slots(lines: Lines) -> None:
    port, peers = await lines.listen_raw()

    async with linked(*[bind_settings(port)] * 2, on_change=lambda _: None) as link:
        first, second = await take_bind(peers), await take_bind(peers)
        await wait_until(lambda: link.up == 2)
        assert link.throttled_at is None

        submits = [asyncio.create_task(link.submit(MESSAGE)) for _ in range(2)]
        for peer, status in ((first, ESME_RTHROTTLED), (second, ESME_RINVDSTADR)):
            _, _, sequence, _ = await peer.read()
            peer.send(encode_response(SUBMIT_SM, status, sequence))

        assert {await submit for submit in submits} == {Refused(ESME_RTHROTTLED), Refused(ESME_RINVDSTADR)}
        assert link.throttled_at is not None
        assert link.free == 20
        first.close()
        second.close()


async def test_stopping_lets_open_submits_end_and_refuses_new_ones(lines: Lines) -> None:
    server = await lines.listening(submits := Submits(answering=False))

    async with linked(bind_settings(server.port), on_change=lambda _: None) as link:
        submit = asyncio.create_task(link.submit(MESSAGE))
        await wait_until(lambda: len(submits.replies) == 1)
        stopping = asyncio.create_task(link.stop(5))
        await wait_until(lambda: link.free == 0)
        with pytest.raises(NotBound):
            await link.slot()
        submits.replies[0](ESME_ROK, b"9")
        await stopping

    assert await submit == Accepted(b"9")
    assert submits.endings == [Ending.PEER_UNBOUND]


async def test_a_stop_while_nobody_answers_is_quick(lines: Lines) -> None:
    port, peers = await lines.listen_raw()

    async with linked(bind_settings(port), on_change=lambda _: None) as link:
        peer = await peers.get()
        await peer.read()
        await link.stop(5)

    assert await peer.sees_the_end()


async def test_settings_that_cannot_be_encoded_end_the_link(lines: Lines) -> None:
    server = await lines.listening()

    async with linked(bind_settings(server.port, system_id="Навік"), on_change=lambda _: None) as link:
        with pytest.raises(UnencodablePdu):
            await link.wait()


async def test_an_unbind_by_the_operator_is_answered_and_the_bind_made_again(lines: Lines) -> None:
    port, peers = await lines.listen_raw()
    changes: list[LinkChange] = []

    async with linked(bind_settings(port), on_change=changes.append) as link:
        peer = await take_bind(peers)
        peer.send(encode_header(UNBIND, ESME_ROK, 1))
        again = await take_bind(peers)
        await wait_until(lambda: link.up == 1 and len(changes) == 3)
        again.close()

    assert changes[1].ending is Ending.PEER_UNBOUND


@pytest.mark.parametrize(("failures", "least", "most"), [(1, 0.5, 1), (2, 1, 2), (7, 30, 60), (1_000_000, 30, 60)])
def test_the_back_off_doubles_to_its_limit_with_jitter(failures: int, least: float, most: float) -> None:
    random = Random(1)

    delays = [Backoff().delay(failures, random) for _ in range(200)]

    assert least <= min(delays) < max(delays) <= most
