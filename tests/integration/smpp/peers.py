"""Raw peers: the other end of an SMPP connection, one octet string at a time, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from shared.clock import Clock, ManualClock
from shared.smpp.client import Bind, connect
from shared.smpp.codec import HEADER, decode_bind, encode_bind, encode_header, encode_message, encode_response
from shared.smpp.constants import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    ESME_RINVPASWD,
    ESME_ROK,
    SUBMIT_SM,
)
from shared.smpp.framing import Frame
from shared.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.requests import (
    AlertNotification,
    DataSm,
    MultiAnswer,
    QueryAnswer,
    QuerySm,
    Request,
    SubmitMulti,
    Unsuccessful,
)
from shared.smpp.results import Ending, SubmitResult
from shared.smpp.server import Server, ServerSession, serve
from shared.smpp.settings import BindMode, BindSettings, SessionSettings, Timers

_PATIENCE = 5.0
PASSWORD = "a password of thirty characters"
MESSAGE = SubmitSm(source_addr=b"Budstikke", destination_addr=b"4799999999", short_message=b"hei")
INCOMING = DeliverSm(source_addr=b"4799999999", destination_addr=b"2077", short_message=b"hallo")
QUICK_SWEEP = Timers(connect=10, response=10, enquire=30, inactivity=120, close=1, sweep=0.002)
"""For tests that push a `ManualClock`: the seconds are the clock's, only the sweep is real."""


def manual_clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


def pdu(command_id: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    return HEADER.pack(16 + len(body), command_id, status, sequence) + body


def deliver_sm(sequence: int, message: DeliverSm = INCOMING) -> bytes:
    return encode_message(DELIVER_SM, sequence, message)


def submit_sm(sequence: int, message: SubmitSm = MESSAGE) -> bytes:
    return encode_message(SUBMIT_SM, sequence, message)


class RawPeer:
    """Reads and writes frames by hand; every read has a deadline."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *pdus: bytes) -> None:
        self.writer.write(b"".join(pdus))

    async def read(self) -> Frame:
        async with asyncio.timeout(_PATIENCE):
            length, command_id, status, sequence = HEADER.unpack(await self.reader.readexactly(16))
            return command_id, status, sequence, await self.reader.readexactly(length - 16)

    async def read_many(self, count: int) -> list[Frame]:
        return [await self.read() for _ in range(count)]

    async def answers_enquire_link(self, sequence: int = 4711) -> bool:
        """Whether the link stands and nothing was sent before the answer."""
        self.send(encode_header(ENQUIRE_LINK, ESME_ROK, sequence))
        return await self.read() == (ENQUIRE_LINK_RESP, ESME_ROK, sequence, b"")

    async def sees_the_end(self) -> bool:
        """Whether the other side closes, with nothing more to read."""
        async with asyncio.timeout(_PATIENCE):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


class Received:
    """An application that keeps what it is told."""

    def __init__(self) -> None:
        self.delivered: list[DeliverSm] = []
        self.replies: list[Reply] = []
        self.data: list[DataSm] = []
        self.alerts: list[AlertNotification] = []
        self.results: dict[Any, SubmitResult] = {}
        self.late: list[tuple[Any, SubmitResult]] = []
        self.endings: list[Ending] = []

    def on_deliver(self, message: DeliverSm, reply: Reply) -> None:
        self.delivered.append(message)
        self.replies.append(reply)

    def on_data(self, message: DataSm, reply: Reply) -> None:
        self.data.append(message)
        self.replies.append(reply)

    def on_result(self, context: Any, result: SubmitResult) -> None:
        assert context not in self.results, "told twice"
        self.results[context] = result

    def on_late(self, context: Any, result: SubmitResult) -> None:
        self.late.append((context, result))


class Lines:
    """Makes connections of all kinds and closes them at the end of a test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def listen_raw(self) -> tuple[int, asyncio.Queue[RawPeer]]:
        """A port, and the peers that connect to it."""
        peers: asyncio.Queue[RawPeer] = asyncio.Queue()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._stack.callback(writer.close)
            await peers.put(RawPeer(reader, writer))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self._stack.callback(server.close)
        return server.sockets[0].getsockname()[1], peers

    async def connecting(
        self,
        received: Received,
        *,
        mode: BindMode = BindMode.TRANSCEIVER,
        window: int = 10,
        max_unanswered: int = 100,
        timers: Timers | None = None,
        clock: Clock | None = None,
    ) -> tuple[asyncio.Task[Bind], RawPeer, Frame]:
        """A client that waits for the answer to its bind, the raw SMSC, and the bind as it came."""
        port, peers = await self.listen_raw()
        settings = BindSettings(
            host="127.0.0.1",
            port=port,
            system_id="me",
            password=PASSWORD,
            mode=mode,
            session=SessionSettings(window=window, max_unanswered=max_unanswered, timers=timers or Timers()),
        )
        task = asyncio.create_task(
            connect(
                settings,
                on_deliver=received.on_deliver,
                on_data=received.on_data,
                on_alert=received.alerts.append,
                on_late=received.on_late,
                on_closed=received.endings.append,
                clock=clock,
            )
        )
        self._stack.push_async_callback(_abort, task)
        peer = await peers.get()
        return task, peer, await peer.read()

    async def bound(self, received: Received | None = None, **options: Any) -> tuple[Bind, RawPeer]:
        """A bound client and its raw SMSC."""
        task, peer, (command_id, _, sequence, body) = await self.connecting(received or Received(), **options)
        assert decode_bind(body).password == PASSWORD.encode()
        peer.send(encode_response(command_id, ESME_ROK, sequence, b"smsc"))
        return await task, peer

    async def listening(self, submits: Submits | None = None, **options: Any) -> Server:
        """A server of ours that takes one password."""
        taken = submits or Submits()
        callbacks: dict[str, Any] = {
            "authenticate": taken.authenticate,
            "on_submit": taken.on_submit,
            "on_request": taken.on_request,
            "on_bound": taken.sessions.append,
            "on_late": lambda session, context, result: taken.late.append((context, result)),
            "on_closed": lambda session, ending: taken.endings.append(ending),
        }
        server = await serve("127.0.0.1", 0, **{**callbacks, **options})
        self._stack.push_async_callback(server.close, 1)
        return server

    async def raw_client(self, server: Server) -> RawPeer:
        """A raw ESME, connected and not bound."""
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        self._stack.callback(writer.close)
        return RawPeer(reader, writer)

    async def bound_raw_client(self, server: Server, command_id: int = BIND_TRANSCEIVER) -> RawPeer:
        """A raw ESME, bound with sequence number 1."""
        peer = await self.raw_client(server)
        peer.send(encode_bind(command_id, 1, BindRequest(b"esme", PASSWORD.encode())))
        assert (await peer.read())[1] == ESME_ROK
        return peer

    async def client(self, server: Server, received: Received | None = None, **session: Any) -> Bind:
        """A client of ours on a server of ours."""
        application = received or Received()
        bind = await connect(
            BindSettings(
                host="127.0.0.1",
                port=server.port,
                system_id="esme",
                password=PASSWORD,
                session=SessionSettings(**session),
            ),
            on_deliver=application.on_deliver,
            on_data=application.on_data,
            on_alert=application.alerts.append,
        )
        self._stack.callback(bind.abort)
        return bind


class Submits:
    """A server application that keeps what it takes and answers with a counted id, unless told not to answer."""

    def __init__(self, *, answering: bool = True) -> None:
        self.answering = answering
        self.messages: list[SubmitSm] = []
        self.replies: list[Reply] = []
        self.binds: list[tuple[str, BindRequest]] = []
        self.sessions: list[ServerSession] = []
        self.requests: list[Request] = []
        self.unsuccessful: tuple[Unsuccessful, ...] = ()
        self.endings: list[Ending] = []
        self.late: list[tuple[Any, SubmitResult]] = []

    async def authenticate(self, session: ServerSession, bind: BindRequest) -> int:
        self.binds.append((session.peer, bind))
        return ESME_ROK if bind.password == PASSWORD.encode() else ESME_RINVPASWD

    def on_submit(self, session: ServerSession, message: SubmitSm, reply: Reply) -> None:
        self.messages.append(message)
        self.replies.append(reply)
        if self.answering:
            reply(ESME_ROK, b"%d" % len(self.messages))

    def on_request(self, session: ServerSession, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        if not self.answering:
            self.replies.append(reply)
        elif isinstance(request, QuerySm):
            reply.answer(QueryAnswer(request.message_id, b"261123120000000+", 2))
        elif isinstance(request, SubmitMulti):
            reply.answer(MultiAnswer(b"7", self.unsuccessful))
        else:
            reply(ESME_ROK, b"7")


def sequences(frames: Sequence[Frame]) -> list[int]:
    return [sequence for _, _, sequence, _ in frames]


async def _abort(task: asyncio.Task[Bind]) -> None:
    if task.done() and not task.cancelled() and task.exception() is None:
        task.result().abort()
        await task.result().closed
    task.cancel()
