"""What a message costs from the door to the router, in this process alone: `python -m tests.bench.bench_hops`.

No broker, no database, no sockets: the CPU of our code and of the libraries that it calls. The door takes requests
from the HTTP parser, 32 at a time, and hands over records that are encoded for the wire; screening and router take
records in batches of 500, decode, decide, and encode what comes of it. It takes seconds: for a look before and after a
change.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import msgspec
import uvicorn
import uvloop
from aiokafka.producer.message_accumulator import BatchBuilder
from prometheus_client import CollectorRegistry
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from docs import generate
from services.dispatch.operators.config import Route
from services.dispatch.operators.links import Links
from services.dispatch.operators.routes import RouteTable
from services.dispatch.router.metrics import RouterMetrics
from services.dispatch.router.router import Router, read_accepted
from services.ingest.accounts.account import Account, Limits
from services.ingest.api.accepting import SOURCE
from services.ingest.screening.screening import read_request
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.words import Lane
from shared.ids import AccountId, TimeOrderedIds, partition_of
from shared.kafka.aio.producer import BATCH_BYTES, AioProducer
from shared.kafka.attempts import Attempt
from shared.kafka.record import Decode, Output, Received, Record
from shared.kafka.settings import KafkaSettings
from shared.service import leave_alone_what_stays
from tests.bench.recording import judged_figures, record
from tests.bench.targets import Target, judged
from tests.unit.dispatch.building import PARTITIONS, START, Letters
from tests.unit.ingest.api.door import Door, running
from tests.unit.ingest.screening.building import Bench, account

DOOR: Final = Target("the door: a request, parsed, taken over and answered", 70, "us", at_most=True)
SCREENING: Final = Target("screening: a message, read, decided and written", 30, "us", at_most=True)
ROUTER: Final = Target("router: a message, read, routed and written with its fact", 20, "us", at_most=True)

_TEXT: Final = "Hei! Timen din hos tannlegen er i morgen klokken 12. Svar JA"
_BODY: Final = msgspec.json.encode({"to": "+447712345678", "text": _TEXT, "reference": "ref-1", "lane": Lane.STANDARD})
_CONNECTIONS: Final = 32
_BATCH: Final = 500
_PLENTY: Final = 1_000_000_000

Handle = Callable[[Sequence[Received[Any]]], Awaitable[Sequence[Output]]]


class Wire:
    """A producer that encodes and never sends."""

    def __init__(self) -> None:
        self._producer = AioProducer(KafkaSettings(bootstrap="127.0.0.1:9"))
        self._producer._connected = SimpleNamespace(create_batch=partial(BatchBuilder, BATCH_BYTES, 0))
        self.written: list[Output] = []

    async def send(self, outputs: Sequence[Output], *, deadline: float) -> None:
        """Encode."""
        self._producer.pack(outputs)

    async def keep(self, outputs: Sequence[Output]) -> None:
        """Encode, and remember what it was."""
        self._producer.pack(outputs)
        self.written += outputs


class Connection(asyncio.Transport):
    """Takes what the server writes."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = b""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 80) if name in {"sockname", "peername"} else default

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.answer += data


async def door(folder: Path, count: int) -> float:
    """CPU seconds of that many requests."""
    plenty = Limits(_PLENTY, _PLENTY, _PLENTY, _PLENTY)
    front = Door(folder, Account(AccountId("acme"), "Acme", default_sender="Acme", limits=plenty))
    for gathering in front.gatherings.values():
        gathering._send = Wire().send
    options = {"loop": "none", "lifespan": "off", "ws": "none", "log_config": None, "proxy_headers": False}
    config = uvicorn.Config(front.app, http="httptools", **options)
    config.load()
    state = ServerState()
    request = (
        f"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {front.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(_BODY)}\r\n\r\n"
    ).encode() + _BODY
    async with running(front):
        ends = [(HttpToolsProtocol(config, state, {}), Connection()) for _ in range(_CONNECTIONS)]
        for protocol, connection in ends:
            protocol.connection_made(connection)
        began = time.process_time()
        for _ in range(count // _CONNECTIONS):
            for protocol, connection in ends:
                connection.answer = b""
                protocol.data_received(request)
            while state.tasks:  # noqa: ASYNC110 - the server tells nobody when it is done
                await asyncio.sleep(0)
        seconds = time.process_time() - began
        for protocol, _ in ends:
            protocol.connection_lost(None)
        if not all(connection.answer.startswith(b"HTTP/1.1 202") for _, connection in ends):
            raise SystemExit(f"refused: {ends[0][1].answer.decode()}")
        return seconds


def requested(letters: Letters, count: int) -> list[Record]:
    """As many requests as the door writes them."""
    write, ids, now = Writer(SOURCE).output, TimeOrderedIds(), datetime.now(UTC)
    outputs = []
    for index in range(count):
        name = ids.mint(index // _BATCH % PARTITIONS, PARTITIONS)
        times = {"requested_at": START, "valid_until": START + timedelta(hours=1)}
        request = letters.requested(_TEXT, "+447712345678", message_id=name, reference="ref-1", **times)
        place = topics.requests(Lane.STANDARD), partition_of(name, PARTITIONS)
        outputs.append(write(*place, request, event_id=f"{name}:requested", time=now, subject=name))
    return as_read(outputs)


def as_read(outputs: Sequence[Output]) -> list[Record]:
    """Records as a consumer gets them."""
    return [
        Record(output.topic, output.partition, offset, 0, output.key, output.value, output.headers)
        for offset, output in enumerate(outputs)
    ]


async def through(records: Sequence[Record], decode: Decode[Any], handle: Handle) -> tuple[float, list[Output]]:
    """CPU seconds of one hop, and what it wrote."""
    wire = Wire()

    async def encoded(part: Sequence[Received[Any]]) -> None:
        await wire.keep(await handle(part))

    began = time.process_time()
    for first in range(0, len(records), _BATCH):
        attempt: Attempt[Any, None] = Attempt(records[first : first + _BATCH], decode)
        await attempt.run(encoded)
        if attempt.rejected:
            raise attempt.rejected[0].error
    return time.process_time() - began, wire.written


async def measure(count: int, rounds: int) -> dict[Target, list[float]]:
    """Microseconds a message of each."""
    figures: dict[Target, list[float]] = {DOOR: [], SCREENING: [], ROUTER: []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench-hops-") as name:
            letters = Letters(Path(name))
            screening = Bench(letters, cap=_PLENTY)
            screening.told(account(default_sender="Budstikke"))
            router = Router(
                RouteTable([Route("+", "fjord")]),
                Links(screening.clock),
                letters.fresh_sealer(),
                screening.clock,
                PARTITIONS,
                RouterMetrics(CollectorRegistry()),
            )
            figures[DOOR].append(await door(Path(name), count) / count * 1e6)
            seconds, accepted = await through(requested(letters, count), read_request, screening.screening)
            figures[SCREENING].append(seconds / count * 1e6)
            seconds, ordered = await through(as_read(accepted), read_accepted, router)
            figures[ROUTER].append(seconds / count * 1e6)
            if len(ordered) != 2 * count:
                raise SystemExit(f"of {count} messages {len(ordered)} orders and facts")
    return figures


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=9_600, help="messages a round (default 9,600)")
    parser.add_argument("--rounds", type=int, default=5, help="of which the best counts (default 5)")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/performance.md")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    leave_alone_what_stays()
    figures = uvloop.run(measure(options.messages, options.rounds))
    if options.record:
        record("hops", judged_figures(figures), load=load)
        generate.main([])
    return judged(figures)


if __name__ == "__main__":
    sys.exit(main())
