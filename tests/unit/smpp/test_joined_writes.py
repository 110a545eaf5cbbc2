"""Writes are joined, but nobody waits for the end of a long read."""

from __future__ import annotations

from shared.smpp import codec
from shared.smpp.constants import BIND_TRANSCEIVER, ESME_ROK, SUBMIT_SM, SUBMIT_SM_RESP
from shared.smpp.framing import Framer
from shared.smpp.pdu import BindRequest, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.server import Server
from shared.smpp.server_session import ServerEvents, ServerSession
from shared.smpp.settings import ServerLimits, SessionSettings
from tests.fuzz.line import QuickLoop, Wire
from tests.support import wait_until

SUBMITS = 40
JOINED = 16


def test_answers_leave_sixteen_at_a_time_while_a_read_is_handled() -> None:
    written_at_submit: list[int] = []

    async def authenticate(_: ServerSession, __: BindRequest) -> int:
        return ESME_ROK

    def on_submit(_: ServerSession, __: SubmitSm, reply: Reply) -> None:
        written_at_submit.append(len(Framer().feed(bytes(wire.written))))
        reply(ESME_ROK, b"7")

    async def run() -> None:
        wire.send(codec.encode_bind(BIND_TRANSCEIVER, 1, BindRequest(b"esme")))
        await wait_until(lambda: session.mode is not None)
        wire.written.clear()
        wire.send(b"".join(codec.encode_message(SUBMIT_SM, number, SubmitSm()) for number in range(SUBMITS)))
        await wait_until(lambda: len(Framer().feed(bytes(wire.written))) == SUBMITS)
        session.abort()
        await session.closed

    async def opened() -> tuple[ServerSession, Wire]:
        house = Server(b"us", ServerLimits(), 10, lambda _: made)
        made = ServerSession(
            SessionSettings(), loop, ServerEvents(authenticate=authenticate, on_submit=on_submit), house
        )
        return made, Wire(made, loop, lambda _: None)

    loop = QuickLoop()
    try:
        session, wire = loop.run_until_complete(opened())
        loop.run_until_complete(run())
    finally:
        loop.close()

    assert written_at_submit == [at // JOINED * JOINED for at in range(SUBMITS)]
    answers = Framer().feed(bytes(wire.written))
    assert [(command_id, sequence) for command_id, _, sequence, _ in answers] == [
        (SUBMIT_SM_RESP, number) for number in range(SUBMITS)
    ]
