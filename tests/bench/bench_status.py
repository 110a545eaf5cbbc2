"""What a message costs from its facts to its callback, in this process alone: `python -m tests.bench.bench_status`.

No broker, no database, no sockets: the CPU of our code and of the libraries that it calls. `dlr.status` reads a
request, two facts and a receipt of each message, folds them together, and makes a document and an event, encoded as
they leave. The event is read as each of its groups reads it. It takes seconds: for a look before and after a change.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Final

import bson
import msgspec
import uvloop
from aiokafka.producer.message_accumulator import BatchBuilder
from prometheus_client import CollectorRegistry

from docs import generate
from docs.sections.figures import Figure
from services.billing.usage import hearing
from services.billing.usage.entry import Charge, first_entry
from services.dlr.clients.relay import Relay
from services.dlr.clients.whose import whose
from services.dlr.status.heard import Ear
from services.dlr.status.matching import Matched
from services.dlr.status.message import Message
from services.dlr.status.metrics import StatusMetrics
from services.dlr.status.status import Status
from services.dlr.status.store import _document
from services.dlr.status.tell import EventWriter
from services.dlr.webhooks.client.connection import Done
from services.dlr.webhooks.client.outcome import Outcome
from services.dlr.webhooks.client.targets import Target as WebhookTarget
from services.dlr.webhooks.delivery.courier import Courier
from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.delivery.told import hear
from services.dlr.webhooks.delivery.webhooks import Webhooks
from services.dlr.webhooks.endpoints.policy import Key, Known
from services.dlr.webhooks.endpoints.view import EndpointView
from shared.clock import SystemClock
from shared.contracts.words import FactKind, ReceiptState
from shared.ids import AccountId, MessageId, TimeOrderedIds
from shared.kafka.aio.producer import BATCH_BYTES, AioProducer
from shared.kafka.attempts import Attempt
from shared.kafka.record import Output, Received, Record
from shared.kafka.settings import KafkaSettings
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.service import leave_alone_what_stays
from tests.bench.calibration import seconds
from tests.bench.recording import judged_figures, record
from tests.bench.targets import Target, judged
from tests.integration.dlr.driving import PARTITIONS, Door, always, fact, landed, receipt
from tests.unit.dlr.building import operator_receipt, part_fact

STATUS: Final = Target("status: a message, read, folded, written and told", 100, "us", at_most=True)
WEBHOOKS: Final = Target("webhooks: its callback, read, signed and written", 40, "us", at_most=True)
RELAY: Final = Target("relay: read, of an account without topics", 8, "us", at_most=True)
USAGE: Final = Target("usage: read, and its row", 15, "us", at_most=True)

SHARE: Final = ", in thousandths of the calibration loop"
"""What a test holds against the last run that was recorded."""

_BATCH: Final = 2_500
_CALLBACK: Final = "http://127.0.0.1:18090/dlr?n="


class Log:
    """Encodes documents and keeps none."""

    async def load(self, ids: Collection[MessageId]) -> dict[MessageId, Message]:
        return {}

    async def save(self, new: Sequence[Message], known: Sequence[tuple[int, Message]]) -> set[MessageId]:
        for message in (*new, *(message for _, message in known)):
            bson.encode(_document(message))
        return set()


class NoOrphans:
    """Receipts that all know their message."""

    async def of_receipts(self, orphans: object) -> list[Output]:
        return []

    async def of_messages(self, messages: Iterable[Message]) -> Matched:
        return Matched()

    async def drop(self, matched: Matched) -> None:
        pass


class Wire:
    """A producer that encodes, never sends, and remembers."""

    def __init__(self) -> None:
        self._producer = AioProducer(KafkaSettings(bootstrap="127.0.0.1:9"))
        self._producer._connected = SimpleNamespace(create_batch=partial(BatchBuilder, BATCH_BYTES, 0))
        self.written: list[Output] = []

    async def send(self, outputs: Sequence[Output]) -> None:
        self._producer.pack(outputs)
        self.written += outputs


def lives(door: Door, count: int, callback: str = _CALLBACK) -> list[list[Record]]:
    """All records of messages that arrive, each with a callback of its own. `callback` is the URL but for a number."""
    ids, found = TimeOrderedIds(), []
    for number in range(count):
        name = MessageId(ids.mint(number % PARTITIONS, PARTITIONS))
        found.append(
            [
                door.request(name, callback_url=f"{callback}{number:08}"),
                fact(part_fact(FactKind.QUEUED, part=0, message_id=name)),
                fact(part_fact(FactKind.SUBMITTED, seconds=2, message_id=name)),
                receipt(operator_receipt(ReceiptState.DELIVERED, receipt_id=f"r{name}", message_id=name)),
            ]
        )
    return found


async def batches(records: Sequence[Record], decode: Callable[[Record], Any], handle: Callable[..., Any]) -> float:
    """CPU seconds of reading and handling these, in batches, as the kit does it."""

    def finish(_: Received[Any]) -> None:
        pass

    async def handled(part: Sequence[Received[Any]]) -> None:
        await handle(part, finish)

    began = time.process_time()
    for start in range(0, len(records), _BATCH):
        attempt: Attempt[Any, None] = Attempt(records[start : start + _BATCH], decode)
        await attempt.run(handled)
    return time.process_time() - began


def webhooks(sealer: Sealer, posted: list[bytes]) -> Webhooks:
    """The handler with a customer who answers at once; `posted` gets each request."""
    clock, metrics = SystemClock(), WebhookMetrics(CollectorRegistry())
    known = Known(callback_keys=(Key(b"k" * 32, None),))

    async def of(accounts: Collection[AccountId]) -> dict[AccountId, Known]:
        return dict.fromkeys(accounts, known)

    def post(target: WebhookTarget, headers: bytes, body: bytes, done: Done) -> None:
        posted.append(b"%b%bcontent-length: %d\r\n\r\n%b" % (target.head, headers, len(body), body))
        done(Outcome(status=200, seconds=0.001))

    view: Any = EndpointView(None, None, clock, private=True)  # type: ignore[arg-type]
    view.of = of
    nothing: Any = SimpleNamespace(add=lambda *_: None, heard=lambda *_: None)
    return Webhooks(
        view=view,
        courier=Courier(post, clock, metrics),
        parking=nothing,
        history=nothing,
        switchboard=nothing,
        sealer=sealer,
        metrics=metrics,
        clock=clock,
        random=Random(),
    )


async def rows(part: Sequence[Received[Charge | None]], _: object) -> None:
    """Rows of the ledger, as they are written."""
    for received in part:
        if received.event is not None:
            entry = first_entry(received.event, received.event.accepted_at)
            bson.encode(msgspec.to_builtins(entry, builtin_types=(datetime,)))


async def of_nobody(_: object) -> dict[AccountId, int]:
    """No account has topics."""
    return {}


async def measure(folder: Path, count: int) -> dict[Target, float]:
    """One round, in us a message."""
    keys = FileKeyStore(folder)
    sealer, wire, posted = Sealer(keys, SystemClock()), Wire(), list[bytes]()
    records = [record for life in lives(Door(sealer), count) for record in life]
    status = Status(
        store=Log(),  # type: ignore[arg-type]
        send=wire.send,
        events=EventWriter(PARTITIONS),
        matching=NoOrphans(),  # type: ignore[arg-type]
        eager=always(()),
        metrics=StatusMetrics(CollectorRegistry()),
        recent=20_000,
    )
    costs = {STATUS: await batches(records, Ear(sealer, Pseudonyms(keys)), status)}
    events = [landed(output) for output in wire.written]
    costs[WEBHOOKS] = await batches(events, hear, webhooks(sealer, posted))
    relay = Relay(SimpleNamespace(of=of_nobody), wire.send, sealer)  # type: ignore[arg-type]
    costs[RELAY] = await batches(events, whose, relay)
    costs[USAGE] = await batches(events, hearing.hear, rows)
    if (len(events), len(posted)) != (count, count):
        raise SystemExit(f"{len(events)} events and {len(posted)} callbacks of {count} messages")
    return {target: seconds / count * 1e6 for target, seconds in costs.items()}


def measured(messages: int, rounds: int) -> Iterator[tuple[float, dict[Target, float]]]:
    """The calibration loop and the costs of each round, in us."""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            before = seconds()
            costs = uvloop.run(measure(Path(name), messages))
            yield (before + seconds()) / 2 * 1e6, costs


def main() -> int:
    """1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5_000, help="messages a round (default 5,000)")
    parser.add_argument("--rounds", type=int, default=5, help="of which the best counts (default 5)")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/performance.md")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    leave_alone_what_stays()
    found: dict[Target, list[float]] = {}
    calibrations = []
    for calibration, costs in measured(options.messages, options.rounds):
        calibrations.append(calibration)
        for target, cost in costs.items():
            found.setdefault(target, []).append(cost)
    if options.record:
        # The best of each: beside other work a round whose calibration was disturbed alone looks cheap.
        unit = min(calibrations) / 1000
        ratios = [Figure(target.name + SHARE, f"{min(costs) / unit:.3f}") for target, costs in found.items()]
        record("status", [*judged_figures(found), *ratios], load=load)
        generate.main([])
    return judged(found)


if __name__ == "__main__":
    sys.exit(main())
