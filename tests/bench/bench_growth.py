"""Whether a message costs the same whether it is the thousandth or the 200,000th: `make bench-growth`.

One gateway takes them in loads of equal size, each to its last callback before the next begins. After 1,000, 5,000 and
so on: what a message cost since the last mark, and by how much the stores grew with each. Fails if a message is lost,
goes out twice or is called back twice, or if the last ones cost more than those of the beginning.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import redis
from pymongo import MongoClient

from docs.sections.figures import Figure
from tests.bench import command
from tests.bench.bill import SERVERS
from tests.bench.outcome import outcome
from tests.bench.processes import Usage
from tests.bench.targets import Target
from tests.bench.whole import FIRST, Standing, standing

MARKS: Final = (1_000, 5_000, 20_000, 50_000, 100_000, 200_000)
CPU: Final = Target("CPU of a message: the last, to the third row", 120, "%", at_most=True)
STORED: Final = Target("octets in the database: the last, to the third row", 120, "%", at_most=True)
_BEGINNING: Final = 2
"""The row that the last is held against: by then nothing happens for the first time."""
_LOAD: Final = 5_000


class Mark(msgspec.Struct, frozen=True):
    """Where a gateway stands after so many messages: CPU seconds, octets."""

    messages: int
    at: float
    cpu: Mapping[str, float]
    documents: int
    on_disk: int
    log: int
    valkey: int


def _mark(messages: int, stand: Standing) -> Mark:
    usage, told = Usage.of(stand.traffic.pids), stand.traffic.told
    documents = on_disk = 0
    with MongoClient[dict[str, Any]](told["BUDSTIKKE_MONGODB"]) as client:
        client.admin.command("fsync")  # what is on disk is known to it from there on
        for name in set(client.list_database_names()) - {"admin", "config", "local"}:
            stats = client[name].command("dbStats")
            documents += int(stats["dataSize"])
            on_disk += int(stats["totalSize"])
    with redis.Redis.from_url(told["BUDSTIKKE_VALKEY"]) as valkey:
        used = int(valkey.info("memory")["used_memory"])
    files = (file for file in (stand.run.settings.data / "kafka").rglob("*") if file.is_file())
    log = sum(file.stat().st_blocks * 512 for file in files)
    return Mark(messages, usage.at, usage.cpu, documents, on_disk, log, used)


def run(folder: Path, marks: tuple[int, ...], warm_up: int) -> tuple[list[Mark], bool]:
    """A mark before the first message, and each of the others; whether nothing was lost or doubled."""
    names: list[str] = []
    with standing(folder, warm_up=warm_up) as stand:
        found, sent = [_mark(0, stand)], 0
        for until in marks:
            while sent < until:
                names.append(f"load-{sent}")
                count = min(_LOAD, until - sent)
                stand.traffic.round(names[-1], FIRST + sent, count)
                sent += count
            found.append(_mark(sent, stand))
            command.say(f"{sent:,} messages")
    load = [row for name in names for row in stand.ends.log(name)]
    return found, outcome(load, stand.ends.log("smsc"), stand.ends.log("sink")).good


def _row(before: Mark, after: Mark) -> Figure:
    """Between two marks, for each message."""
    count = after.messages - before.messages
    spent = {name: (seconds - before.cpu[name]) / count * 1e6 for name, seconds in after.cpu.items()}
    ours = sum(cost for name, cost in spent.items() if name not in SERVERS)
    servers = ", ".join(f"{name} {spent[name]:,.0f}" for name in SERVERS)
    stored = ", ".join(
        f"{what} {getattr(after, name) / count - getattr(before, name) / count:,.0f}"
        for what, name in (("documents", "documents"), ("on disk", "on_disk"), ("Kafka", "log"), ("Valkey", "valkey"))
    )
    return Figure(
        f"to {after.messages:,}", f"{sum(spent.values()):,.0f} µs: ours {ours:,.0f}, {servers}; octets: {stored}"
    )


def measure(folder: Path, options: argparse.Namespace) -> command.Found:
    """As a table."""
    marks = tuple(mark // options.share for mark in MARKS)
    found, good = run(folder, marks, options.warm_up)
    cpu = [
        sum(after.cpu[name] - before.cpu[name] for name in after.cpu) / (after.messages - before.messages)
        for before, after in pairwise(found)
    ]
    stored = [
        (after.documents - before.documents) / (after.messages - before.messages) for before, after in pairwise(found)
    ]
    judged = {CPU: [cpu[-1] / cpu[_BEGINNING] * 100], STORED: [stored[-1] / stored[_BEGINNING] * 100]}
    rates = ", ".join(
        f"{(after.messages - before.messages) / (after.at - before.at):,.0f}" for before, after in pairwise(found)
    )
    figures = [
        *(_row(before, after) for before, after in pairwise(found)),
        Figure("end to end, a second, with the pauses between loads", rates),
        Figure("in the end: documents, on disk, Kafka, Valkey", _sizes(found[-1])),
    ]
    return command.Found(judged, figures, good=good)


def _sizes(mark: Mark) -> str:
    sizes = (mark.documents, mark.on_disk, mark.log, mark.valkey)
    return ", ".join(f"{size / 2**20:,.0f}" for size in sizes) + " MB"


def main() -> int:
    """Command line."""
    parser = command.parser(__doc__)
    parser.add_argument("--share", type=int, default=1, help="all marks divided by this")
    parser.add_argument("--warm-up", type=int, default=5_000, help="messages before those that count")
    options = parser.parse_args()
    return command.run("growth", options, lambda folder: measure(folder, options))


if __name__ == "__main__":
    sys.exit(main())
