"""An SMSC that connects to us, and ours that connects to an ESME."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from shared.clock import Clock
from shared.smpp.client import Bind, Callbacks
from shared.smpp.codec import decode_bind, encode_header, encode_outbind, encode_response
from shared.smpp.constants import (
    BIND_RECEIVER,
    ENQUIRE_LINK,
    ESME_RINVCMDID,
    ESME_ROK,
    GENERIC_NACK,
    OUTBIND,
    RESPONSE_BIT,
    UNBIND,
    UNBIND_RESP,
)
from shared.smpp.errors import ConnectFailed
from shared.smpp.outbind import OutbindListener, listen_for_outbinds
from shared.smpp.pdu import Outbind
from shared.smpp.results import Accepted, Ending
from shared.smpp.settings import BindMode, BindSettings, SessionSettings, Timers
from tests.integration.smpp.peers import (
    INCOMING,
    PASSWORD,
    QUICK_SWEEP,
    Lines,
    RawPeer,
    Received,
    Submits,
    manual_clock,
    pdu,
)
from tests.support import wait_until

KNOWN = Outbind(b"smsc", b"their secret")


@asynccontextmanager
async def esme(
    received: Received,
    on_bound: Callable[[Bind], None],
    *,
    timers: Timers | None = None,
    clock: Clock | None = None,
    password: str = PASSWORD,
) -> AsyncIterator[OutbindListener]:
    settings = BindSettings(
        host="",
        port=0,
        system_id="esme",
        password=password,
        mode=BindMode.RECEIVER,
        session=SessionSettings(timers=timers or Timers()),
    )
    listener = await listen_for_outbinds(
        "127.0.0.1",
        0,
        settings,
        Callbacks(on_deliver=received.on_deliver, on_closed=received.endings.append),
        recognise=lambda outbind, peer: outbind == KNOWN and peer.startswith("127.0.0.1:"),
        on_bound=on_bound,
        clock=clock,
    )
    try:
        yield listener
    finally:
        await listener.close(1)


async def called(listener: OutbindListener) -> RawPeer:
    return RawPeer(*await asyncio.open_connection("127.0.0.1", listener.port))


async def test_a_server_calls_an_esme_which_binds_and_is_delivered_to(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    binds: list[Bind] = []

    async with esme(received := Received(), binds.append) as listener:
        session = await server.outbind("127.0.0.1", listener.port, KNOWN)
        await wait_until(lambda: bool(submits.sessions))
        result = submits.sessions[0].deliver(INCOMING)
        await wait_until(lambda: bool(received.replies))
        received.replies[0]()

        assert await result == Accepted(b"")
        assert submits.sessions == [session]
        assert session.mode is BindMode.RECEIVER
        assert [bind.mode for bind in binds] == [BindMode.RECEIVER]

    assert await session.closed is Ending.PEER_UNBOUND
    assert received.endings == [Ending.UNBOUND]


async def test_an_smsc_that_nobody_knows_is_hung_up_on(lines: Lines) -> None:
    async with esme(Received(), lambda _: None) as listener:
        peer = await called(listener)
        peer.send(encode_outbind(1, Outbind(b"smsc", b"wrong")))

        assert await peer.sees_the_end()
        peer.close()


async def test_an_outbind_is_answered_with_a_bind_and_a_second_one_not_known(lines: Lines) -> None:
    binds: list[Bind] = []
    async with esme(Received(), binds.append) as listener:
        peer = await called(listener)
        peer.send(encode_outbind(1, KNOWN), encode_outbind(2, KNOWN))

        assert await peer.read() == (GENERIC_NACK, ESME_RINVCMDID, 2, b"")
        command_id, _, sequence, body = await peer.read()
        assert (command_id, decode_bind(body).system_id) == (BIND_RECEIVER, b"esme")
        peer.send(encode_response(command_id, ESME_ROK, sequence, b"smsc"))
        await wait_until(lambda: bool(binds))

        peer.send(encode_header(UNBIND, ESME_ROK, 3))
        assert (await peer.read())[0] == UNBIND_RESP
        peer.close()


@pytest.mark.parametrize("outbind", [b"", b"smsc", b"smsc\0their secret"], ids=["empty", "no NUL", "cut short"])
async def test_an_outbind_that_cannot_be_read_is_never_answered(lines: Lines, outbind: bytes) -> None:
    async with esme(Received(), lambda _: None) as listener:
        peer = await called(listener)
        peer.send(pdu(OUTBIND, 1, outbind))

        assert await peer.answers_enquire_link()
        peer.close()


async def test_a_bind_that_is_refused_ends_the_connection(lines: Lines) -> None:
    server = await lines.listening(Submits())
    binds: list[Bind] = []
    async with esme(Received(), binds.append, password="wrong") as listener:
        session = await server.outbind("127.0.0.1", listener.port, KNOWN)

        assert await session.closed is Ending.NEVER_BOUND
        await wait_until(lambda: not listener.open)
    assert binds == []


async def test_a_caller_that_says_nothing_is_left(lines: Lines) -> None:
    clock = manual_clock()
    async with esme(Received(), lambda _: None, timers=QUICK_SWEEP, clock=clock) as listener:
        peer = await called(listener)
        await wait_until(lambda: len(listener.open) == 1)
        clock.advance(10)

        assert await peer.sees_the_end()
        peer.close()


async def test_an_esme_that_does_not_listen_is_a_failed_connection(lines: Lines) -> None:
    server = await lines.listening()
    async with esme(Received(), lambda _: None) as listener:
        port = listener.port

    with pytest.raises(ConnectFailed):
        await server.outbind("127.0.0.1", port, KNOWN)


async def test_a_server_that_is_called_knows_no_outbind(lines: Lines) -> None:
    peer = await lines.raw_client(await lines.listening())

    peer.send(encode_outbind(5, KNOWN), encode_header(ENQUIRE_LINK, ESME_ROK, 6))

    assert await peer.read_many(2) == [
        (GENERIC_NACK, ESME_RINVCMDID, 5, b""),
        (ENQUIRE_LINK | RESPONSE_BIT, ESME_ROK, 6, b""),
    ]
