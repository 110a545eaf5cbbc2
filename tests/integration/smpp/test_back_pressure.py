"""Nobody is read faster than the application answers, and nobody is written to faster than it reads."""

from __future__ import annotations

import asyncio

from shared.smpp.codec import encode_header
from shared.smpp.constants import DELIVER_SM_RESP, ENQUIRE_LINK, ESME_ROK, MESSAGE_PAYLOAD
from shared.smpp.pdu import SubmitSm
from shared.smpp.results import Ending
from shared.smpp.settings import SessionSettings
from tests.integration.smpp.peers import (
    MESSAGE,
    QUICK_SWEEP,
    Lines,
    Received,
    Submits,
    deliver_sm,
    manual_clock,
    sequences,
    submit_sm,
)
from tests.support import wait_until


async def test_reading_stops_at_the_limit_of_unanswered_delivers_and_goes_on_after_an_answer(lines: Lines) -> None:
    bind, peer = await lines.bound(received := Received(), max_unanswered=3)

    peer.send(*(deliver_sm(number) for number in range(1, 11)))
    await wait_until(lambda: len(received.delivered) == 3)
    assert bind.unanswered == 3

    received.replies[0]()
    received.replies[1]()
    await wait_until(lambda: len(received.delivered) == 5)
    for _ in range(8):
        await wait_until(lambda: len(received.replies) > 2)
        received.replies.pop(2)()

    answers = await peer.read_many(10)
    assert [command_id for command_id, _, _, _ in answers] == [DELIVER_SM_RESP] * 10
    assert sequences(answers) == list(range(1, 11))


async def test_no_submit_expires_while_we_ourselves_do_not_read(lines: Lines) -> None:
    clock = manual_clock()
    bind, peer = await lines.bound(received := Received(), max_unanswered=1, timers=QUICK_SWEEP, clock=clock)
    bind.send(MESSAGE, "message", received.on_result)
    await peer.read()
    peer.send(deliver_sm(1), deliver_sm(2))
    await wait_until(lambda: len(received.delivered) == 1)

    clock.advance(1_000)
    sweeps = bind._timer
    await wait_until(lambda: bind._timer is not sweeps)
    assert received.results == {}

    received.replies[0]()
    await wait_until(lambda: len(received.delivered) == 2)
    received.replies[1]()
    await peer.read_many(2)
    clock.advance(10)
    await wait_until(lambda: bool(received.results))
    assert not bind.closed.done()


async def test_a_peer_is_not_silent_in_the_moment_before_we_read_on(lines: Lines) -> None:
    clock = manual_clock()
    bind, peer = await lines.bound(received := Received(), max_unanswered=1, timers=QUICK_SWEEP, clock=clock)
    peer.send(deliver_sm(1), deliver_sm(2))
    await wait_until(lambda: len(received.delivered) == 1)

    clock.advance(1_000)
    received.replies[0]()
    assert bind._timer is not None
    bind._timer.cancel()
    bind._sweep()
    await wait_until(lambda: len(received.delivered) == 2)
    assert not bind.closed.done()


async def test_a_peer_that_does_not_read_gets_no_more_submits(lines: Lines) -> None:
    bind, peer = await lines.bound(window=10_000)
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    large = SubmitSm(tlvs=((MESSAGE_PAYLOAD, bytes(60_000)),))
    received, sent = Received(), 0

    while bind.free:
        bind.send(large, sent, received.on_result)
        sent += 1
        await asyncio.sleep(0)
    assert bind.in_flight < 10_000

    peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
    reading = asyncio.create_task(peer.read_many(sent))
    await bind.writable()
    assert len(await reading) == sent


async def test_a_peer_that_asks_and_never_reads_the_answers_is_not_read_for_ever(lines: Lines) -> None:
    clock = manual_clock()
    server = await lines.listening(submits := Submits(), settings=SessionSettings(timers=QUICK_SWEEP), clock=clock)
    peer = await lines.bound_raw_client(server)
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    questions = b"".join(encode_header(ENQUIRE_LINK, ESME_ROK, number) for number in range(1, 4_097))

    session = submits.sessions[0]
    while session._reading:
        peer.writer.write(questions)
        await asyncio.sleep(0)
    assert session._transport is not None
    assert session._transport.get_write_buffer_size() < 4 * 1024 * 1024

    clock.advance(120)
    await wait_until(lambda: submits.endings == [Ending.PEER_SILENT])
    peer.reset()


async def test_answers_of_one_turn_leave_in_one_write(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    peer = await lines.bound_raw_client(server)
    transport = submits.sessions[0]._transport
    assert transport is not None
    writes: list[bytes] = []
    submits.sessions[0]._transport = _Recording(transport, writes)  # type: ignore[assignment]

    peer.send(*(submit_sm(number) for number in range(2, 52)))
    await peer.read_many(50)

    assert len(writes) < 10


class _Recording:
    """A transport that counts its writes."""

    def __init__(self, transport: asyncio.Transport, writes: list[bytes]) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, octets: bytes) -> None:
        self._writes.append(octets)
        self._transport.write(octets)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)
