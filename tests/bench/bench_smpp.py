"""CPU per message of the SMPP stack: `python -m tests.bench.bench_smpp [messages]`.

Client and server run in a process of their own on uvloop. One line per case: submits at windows 10, 50 and 200, the
same with the simulator as server with a receipt for each message, and the codec alone. CPU is the figure to trust.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import time
import timeit
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from shared.smpp.client import Bind, connect
from shared.smpp.codec import decode_submit_sm, encode_message
from shared.smpp.constants import ESME_ROK, SUBMIT_SM, USER_MESSAGE_REFERENCE
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
    tlvs=((USER_MESSAGE_REFERENCE, b"\0\1"), (0x020C, b"\0\2"), (0x1401, b"vendor-value")),
)


def say(line: str) -> None:
    """One line of the table."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def serve_alone(pipe: Connection) -> None:
    """The bare server: answers each submit with a counted id. Tells its port, then its CPU seconds."""

    async def run() -> None:
        taken = 0

        async def authenticate(_: ServerSession, __: BindRequest) -> int:
            return ESME_ROK

        def on_submit(_: ServerSession, __: SubmitSm, reply: Reply) -> None:
            nonlocal taken
            taken += 1
            reply(ESME_ROK, b"%d" % taken)

        gone = asyncio.Event()
        server = await serve(
            "127.0.0.1",
            0,
            authenticate=authenticate,
            on_submit=on_submit,
            on_closed=lambda *_: gone.set(),
            settings=SessionSettings(max_unanswered=1_000),
        )
        pipe.send(server.port)
        await asyncio.sleep(0.2)
        before = time.process_time()
        await gone.wait()
        pipe.send(time.process_time() - before)
        await server.close(1)

    configure_logs("bench", "server", "warning")
    uvloop.run(run())


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


async def client(port: int, window: int, messages: int, receipts: int) -> tuple[float, float]:
    """CPU and wall seconds of the client."""
    sender = Sender(messages, receipts)
    settings = BindSettings(
        host="127.0.0.1", port=port, system_id="bench", password="bench", session=SessionSettings(window=window)
    )
    sender.bind = await connect(settings, on_deliver=sender.on_deliver, on_writable=sender.fill)
    await asyncio.sleep(0.3)
    cpu, wall = time.process_time(), time.perf_counter()
    await sender.run()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    await sender.bind.unbind(2)
    if sender.accepted != messages:
        raise SystemExit(f"only {sender.accepted} of {messages} were accepted")
    return spent


def against_server(window: int, messages: int) -> None:
    """Client against the bare server."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve_alone, args=(theirs,))
    process.start()
    cpu, wall = uvloop.run(client(ours.recv(), window, messages, 0))
    server = ours.recv()
    process.join()
    say(
        f"window {window:>3}: client {cpu / messages * 1e6:5.1f} us, server {server / messages * 1e6:5.1f} us "
        f"CPU a message, {messages / wall:8,.0f} messages/s"
    )


def against_simulator(window: int, messages: int) -> None:
    """Client against the simulator, with a receipt for each message."""
    command = [sys.executable, "-m", "simulators.smsc", "--name", "bench", "--receipt-delay", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            ports = msgspec.json.decode(process.stdout.readline())
            before = cpu_seconds(process.pid)
            cpu, wall = uvloop.run(client(ports["smpp_port"], window, messages, messages))
            server = cpu_seconds(process.pid) - before
        finally:
            process.terminate()
    say(
        f"simulator, window {window:>3}: client {cpu / messages * 1e6:5.1f} us, simulator "
        f"{server / messages * 1e6:5.1f} us CPU a message with its receipt, {messages / wall:8,.0f} messages/s"
    )


def cpu_seconds(pid: int) -> float:
    """User and system time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def codec_alone() -> None:
    """Encode and decode the submit_sm with three TLVs."""
    body = encode_message(SUBMIT_SM, 1, MESSAGE)[16:]
    for name, call in (
        ("encode", lambda: encode_message(SUBMIT_SM, 1, MESSAGE)),
        ("decode", lambda: decode_submit_sm(body)),
    ):
        best = min(timeit.repeat(call, number=20_000, repeat=5)) / 20_000
        say(f"codec {name}: {best * 1e6:4.1f} us")


def main() -> None:
    """Run every case."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    configure_logs("bench", "client", "warning")
    codec_alone()
    for window in (10, 50, 200):
        against_server(window, messages)
    against_simulator(50, messages)


if __name__ == "__main__":
    main()
