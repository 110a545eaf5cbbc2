"""One end of an SMPP link as a process: `python -m tests.bench.smpp_ends server`, or `client <port> <window> <messages>
[<receipts>]`.

A server answers each submit with a counted id; it prints its port and ends with its standard input. A client keeps its
window full until every message was answered, and prints its CPU and wall seconds. `smpp_npm.js` does the same on npm
`smpp`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import msgspec
import uvloop

from shared.smpp.client import Bind, connect
from shared.smpp.constants import ESME_ROK, SAR_MSG_REF_NUM, USER_MESSAGE_REFERENCE
from shared.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.results import Accepted, SubmitResult
from shared.smpp.server import ServerSession, serve
from shared.smpp.settings import BindSettings, SessionSettings
from shared.telemetry.logs import configure_logs

MESSAGE = SubmitSm(
    source_addr_ton=5,
    source_addr=b"Budstikke",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr=b"4799999999",
    registered_delivery=1,
    short_message=b"x" * 120,
    tlvs=((USER_MESSAGE_REFERENCE, b"\0\1"), (SAR_MSG_REF_NUM, b"\0\2"), (0x1401, b"vendor-value")),
)


class Spent(msgspec.Struct):
    """What a client took for all its messages, in seconds."""

    cpu: float
    wall: float


async def server() -> None:
    """Serve until standard input ends."""
    taken = 0

    async def authenticate(_: ServerSession, __: BindRequest) -> int:
        return ESME_ROK

    def on_submit(_: ServerSession, __: SubmitSm, reply: Reply) -> None:
        nonlocal taken
        taken += 1
        reply(ESME_ROK, b"%d" % taken)

    settings = SessionSettings(max_unanswered=1_000)
    listening = await serve("127.0.0.1", 0, authenticate=authenticate, on_submit=on_submit, settings=settings)
    say(listening.port)
    await asyncio.to_thread(sys.stdin.read)
    await listening.close(1)


class Sender:
    """Keeps the window full until `messages` were answered, and `receipts` arrived."""

    def __init__(self, messages: int, receipts: int) -> None:
        self._left = messages
        self._open = messages
        self._receipts = receipts
        self._done = asyncio.Event()
        self.accepted = 0
        self.bind: Bind

    async def run(self) -> None:
        self.fill()
        await self._done.wait()

    def fill(self) -> None:
        for _ in range(min(self.bind.free, self._left)):
            self._left -= 1
            self.bind.send(MESSAGE, None, self.answered)

    def answered(self, _: Any, result: SubmitResult) -> None:
        self._open -= 1
        self.accepted += isinstance(result, Accepted)
        self._check()

    def on_deliver(self, _: DeliverSm, reply: Reply) -> None:
        reply()
        self._receipts -= 1
        self._check()

    def _check(self) -> None:
        if not self._open and self._receipts <= 0:
            self._done.set()


async def client(port: int, window: int, messages: int, receipts: int = 0) -> None:
    """Send them all, and say what it took."""
    sender = Sender(messages, receipts)
    settings = BindSettings(
        host="127.0.0.1", port=port, system_id="bench", password="bench", session=SessionSettings(window=window)
    )
    sender.bind = await connect(settings, on_deliver=sender.on_deliver, on_writable=sender.fill)
    cpu, wall = time.process_time(), time.perf_counter()
    await sender.run()
    spent = Spent(time.process_time() - cpu, time.perf_counter() - wall)
    await sender.bind.unbind(2)
    if sender.accepted != messages:
        raise SystemExit(f"only {sender.accepted} of {messages} were accepted")
    say(spent)


def say(value: object) -> None:
    """One line of JSON."""
    sys.stdout.write(f"{msgspec.json.encode(value).decode()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    configure_logs("bench", sys.argv[1], "warning")
    if sys.argv[1] == "server":
        uvloop.run(server())
    else:
        uvloop.run(client(*map(int, sys.argv[2:])))
