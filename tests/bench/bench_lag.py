"""What a message costs `dlr` and `billing` while the sender lags behind the door: `make bench-lag`.

Starts a broker, a database and the roles `status`, `webhooks`, `relay` and `usage` in two processes of their own, and
writes the records that everybody else would: a request, 100 ms later that it is queued, and seconds later that it was
submitted and has arrived. A sink answers the callbacks. CPU is read of each process, from the first request until the
last callback came and the last row lies in the ledger: for a look before and after a change, beside other work as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Final

import uvloop
from prometheus_client import CollectorRegistry

from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from deploy.local.service import Service
from deploy.local.settings import ROOT
from deploy.local.valkey import Valkey
from services.billing.database import DATABASE as BOOKS
from shared.clock import SystemClock
from shared.contracts.topics import LOCAL, specs
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from tests.bench.bench_status import lives
from tests.bench.processes import Usage
from tests.bench.sender_rig import PATIENCE, pid_of, servers
from tests.integration.dlr.driving import Door, as_output
from tests.support import wait_until

_ROLES: Final = {"dlr": ("status", "webhooks", "relay"), "billing": ("usage",)}
_QUEUED: Final = 0.1
_TICK: Final = 0.02
_WARM: Final = 3_000
"""Messages before those that count: what comes first behind an assignment is handled as it comes."""


class Sink:
    """A receiver of callbacks in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, self._control = free_port(), free_port()
        told = {"port": self.port, "ctl": self._control, "log": folder / "sink.csv"}
        words = [word for key, value in told.items() for word in (f"--{key}", str(value))]
        self._process = subprocess.Popen([sys.executable, "-m", "tests.bench.ends", "sink", *words], cwd=ROOT)

    def callbacks(self) -> int:
        """How many came."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._control}/", timeout=PATIENCE) as answer:
            state: Mapping[str, int] = json.load(answer)
        return state["callbacks"]

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE)


@contextmanager
def roles(folder: Path, kafka: Kafka, mongodb: MongoDB, valkey: Valkey) -> Iterator[Mapping[str, int]]:
    """Our processes, by pid, once they are ready."""
    told = {
        "BUDSTIKKE_KAFKA": kafka.bootstrap,
        "BUDSTIKKE_MONGODB": mongodb.uri,
        "BUDSTIKKE_VALKEY": valkey.url,
        "BUDSTIKKE_KEY_STORE": str(folder / "keys"),
        "BUDSTIKKE_WEBHOOK_PRIVATE": "true",
    }
    services = []
    for name, its in _ROLES.items():
        port = free_port()
        services.append(
            Service(
                name,
                (f"services.{name}", *its),
                ports={"health": port},
                probe=f"http://127.0.0.1:{port}",
                environment={**os.environ, **told, "BUDSTIKKE_HEALTH_PORT": str(port)},
                logs=folder,
                processes=folder,
            )
        )
    try:
        for service in services:
            service.start()
        until = time.monotonic() + PATIENCE
        while not all(service.ready() for service in services):
            if time.monotonic() > until:
                raise SystemExit("the roles are not ready")
            time.sleep(0.2)
        yield {service.process.name: service.process.pid or 0 for service in services}
    finally:
        for service in services:
            service.stop()


async def feed(sender: Sender, messages: Sequence[Sequence[Output]], rate: int, lag: float) -> None:
    """Write all records of these messages, each stage at its time."""
    due = [
        (number / rate + after, output)
        for number, (request, queued, submitted, receipt) in enumerate(messages)
        for after, output in ((0.0, request), (_QUEUED, queued), (lag, submitted), (lag, receipt))
    ]
    due.sort(key=itemgetter(0))
    began, written = time.monotonic(), 0
    while written < len(due):
        await asyncio.sleep(_TICK)
        now, first = time.monotonic() - began, written
        while written < len(due) and due[written][0] <= now:
            written += 1
        if written > first:
            await sender.send([output for _, output in due[first:written]])


async def measure(
    folder: Path, kafka: Kafka, mongodb: MongoDB, pids: Mapping[str, int], sink: Sink, options: argparse.Namespace
) -> Mapping[str, float]:
    """Seconds of CPU of each process."""
    door = Door(Sealer(FileKeyStore(folder / "keys"), SystemClock()))
    callback = f"http://127.0.0.1:{sink.port}/dlr?n="
    sender = Sender(
        connection=KafkaSettings(kafka.bootstrap), clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry())
    )
    books = MongoStore(mongodb.uri, BOOKS)
    await books.start()
    await sender.start()
    told = 0
    before = Usage.of(pids)
    for count, lag in ((_WARM, 0.5), (options.messages, options.lag)):
        messages = [[as_output(record) for record in life] for life in lives(door, count, callback)]
        told += count
        before = Usage.of(pids)
        await feed(sender, messages, options.rate, lag)

        async def all_there(told: int = told) -> bool:
            return sink.callbacks() >= told and await books.database["usage"].estimated_document_count() >= told

        await wait_until(all_there, PATIENCE, waiting_for="callbacks and rows")
    spent = Usage.of(pids).since(before)
    await sender.stop(1.0)
    await books.stop(1.0)
    if sink.callbacks() != told:
        raise SystemExit(f"{sink.callbacks()} callbacks of {told} messages")
    return spent


def main() -> int:
    """Prints what a message costs each process, in us."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=8_000, help="default 8,000")
    parser.add_argument("--rate", type=int, default=800, help="messages a second (default 800)")
    parser.add_argument("--lag", type=float, default=2.0, help="seconds from a request to its submission (default 2)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-lag-") as name, servers(Path(name)) as (kafka, mongodb):
        folder = Path(name)
        uvloop.run(create(KafkaSettings(kafka.bootstrap), specs([], LOCAL)))
        valkey, sink = Valkey(data=folder / "valkey", log=folder / "valkey.log", port=free_port()), Sink(folder)
        try:
            valkey.start()
            valkey.wait_ready()
            with roles(folder, kafka, mongodb, valkey) as ours:
                pids = {**ours, "kafka": pid_of(kafka), "mongodb": pid_of(mongodb)}
                spent = uvloop.run(measure(folder, kafka, mongodb, pids, sink, options))
        finally:
            sink.stop()
            valkey.kill()
    for process, seconds in spent.items():
        sys.stdout.write(f"{process}: CPU {seconds / options.messages * 1e6:,.0f} us a message\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
