"""What one bind of a sender carries: `python -m tests.bench.bench_sender`, or `make bench-sender`.

The role `sender` in a process of its own, between a broker, a database and two SMSCs that are processes too: one that
answers after 20 ms, the time that a round trip to an operator takes, and one that answers at once. Orders for messages
of 70 characters are put on the sender's topic; measured is from the first PDU to the last by the SMSC's clock, over one
bind at window 50, which at 20 ms holds 2,500 a second. CPU is counted until every receipt is stored too. Fails under
80 % of a target, and when a message is lost or goes out twice, or a fact is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import uvloop
from prometheus_client import CollectorRegistry

from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from docs import generate
from docs.sections.figures import Figure
from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.topics import LOCAL, specs
from shared.contracts.words import Lane
from shared.ids import TimeOrderedIds, partition_of
from shared.kafka.aio import AioCluster
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output, TopicPartition
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from tests.bench import samples
from tests.bench.processes import Usage
from tests.bench.recording import judged_figures, record
from tests.bench.sender_rig import PATIENCE, Smsc, pid_of, sender, servers
from tests.bench.targets import Target, judged
from tests.support import wait_until
from tests.unit.dispatch.building import Letters

FAR, NEAR = "far", "near"
DELAYS: Final = {FAR: 20, NEAR: 0}
"""Milliseconds after which each SMSC answers."""
RATES: Final = {
    FAR: Target("one bind, window 50, answers after 20 ms", 2_000, "messages/s"),
    NEAR: Target("one bind, window 50, answers at once", 2_000, "messages/s"),
}
WINDOW: Final = 50

_FIRST: Final = 40_000_000
_TEXT: Final = "Hei! Timen din hos tannlegen er i morgen klokken 12. Svar JA PB-"
_AT_ONCE: Final = 2_000


class Bench:
    """Orders in, PDUs and facts out."""

    def __init__(self, letters: Letters, connection: KafkaSettings, smscs: Mapping[str, Smsc]) -> None:
        self._letters = letters
        self._connection = connection
        self._smscs = smscs
        self._next = _FIRST
        self._written = 0
        self._per_smsc: Counter[str] = Counter()
        registry = CollectorRegistry()
        self._sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(registry))

    async def start(self) -> None:
        """Connect."""
        await self._sender.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._sender.stop(5.0)

    async def round(self, operator: str, count: int) -> range:
        """Order so many messages of an operator; return their numbers once all are taken, told and reported."""
        numbers, self._next = range(self._next, self._next + count), self._next + count
        outputs = self._orders(operator, numbers)
        for start in range(0, count, _AT_ONCE):
            await self._sender.send(outputs[start : start + _AT_ONCE])
        self._written += count
        self._per_smsc[operator] += count
        reported = self._per_smsc[operator]
        await wait_until(
            lambda: self._smscs[operator].state()["dlr_acked"] >= reported, PATIENCE, waiting_for="the receipts"
        )
        await wait_until(self._all_told, PATIENCE, waiting_for="the facts")
        return numbers

    async def _all_told(self) -> bool:
        reader = AioCluster(self._connection).reader()
        await reader.start()
        try:
            ends = await reader.end([TopicPartition(topics.FACTS, part) for part in range(LOCAL.message_partitions)])
        finally:
            await reader.close(1.0)
        return sum(ends.values()) >= self._written

    def _orders(self, operator: str, numbers: Sequence[int]) -> Sequence[Output]:
        write, ids = Writer("/budstikke/bench/bench").output, TimeOrderedIds()
        partitions = LOCAL.message_partitions
        now = datetime.now(UTC)
        times = {"requested_at": now, "accepted_at": now, "valid_until": now + timedelta(hours=1)}
        outputs = []
        for number in numbers:
            name = ids.mint(number // 10 % partitions, partitions)
            text, to = f"{_TEXT}{number:08}", f"+47{number}"
            order = self._letters.order(text, to, message_id=name, operator=operator, **times)
            place = topics.dispatch(operator, Lane.STANDARD), partition_of(name, partitions)
            outputs.append(write(*place, order, event_id=f"{name}:ordered:1", time=now, subject=name))
        return outputs


def rate(log: Sequence[tuple[int, int]], numbers: range) -> float:
    """Messages a second of one round. Exits when one of them is missing or came twice."""
    times = [at for number, at in log if number in numbers]
    if len(times) != len(numbers) or len({number for number, _ in log if number in numbers}) != len(numbers):
        raise SystemExit(f"LOST OR DOUBLED: of {len(numbers)} messages {len(times)} PDUs")
    return (len(times) - 1) / (max(times) - min(times)) * 1e9


async def measure(
    folder: Path, kafka: Kafka, mongodb: MongoDB, smscs: Mapping[str, Smsc], options: argparse.Namespace
) -> tuple[list[tuple[str, range]], dict[str, list[Mapping[str, float]]]]:
    """The rounds of each SMSC by their numbers, and the seconds of CPU of each."""
    rounds: list[tuple[str, range]] = []
    spent: dict[str, list[Mapping[str, float]]] = {name: [] for name in DELAYS}
    connection = KafkaSettings(bootstrap=kafka.bootstrap)
    await create(connection, specs(list(DELAYS), LOCAL))
    with sender(folder, kafka, mongodb, smscs, window=WINDOW, profile=options.profile) as pid:
        bench = Bench(Letters(folder), connection, smscs)
        await bench.start()
        pids = {"sender": pid, "kafka": pid_of(kafka), "mongodb": pid_of(mongodb)}
        for name in DELAYS:
            await bench.round(name, options.warm_up)
        with samples.sampled({"sender": pid} if options.profile else {}):
            for _ in range(options.rounds):
                for name in DELAYS:
                    before = Usage.of(pids)
                    rounds.append((name, await bench.round(name, options.messages)))
                    spent[name].append(Usage.of(pids).since(before))
        await bench.stop()
        if options.profile:
            sys.stdout.write("\n".join(samples.table(samples.functions(folder / "samples", pid), 40)) + "\n")
    return rounds, spent


def run(folder: Path, options: argparse.Namespace) -> tuple[dict[Target, list[float]], list[Figure]]:
    """Rates by target, and what a message costs."""
    smscs = {name: Smsc(folder, name, delay) for name, delay in DELAYS.items()}
    try:
        for smsc in smscs.values():
            smsc.wait_ready()
        with servers(folder) as (kafka, mongodb):
            rounds, spent = uvloop.run(measure(folder, kafka, mongodb, smscs, options))
    finally:
        logs = {name: smsc.stop() for name, smsc in smscs.items()}
    found: dict[Target, list[float]] = {}
    for name, numbers in rounds:
        found.setdefault(RATES[name], []).append(rate(logs[name], numbers))
    return found, [_cost(name, costs, options.messages) for name, costs in spent.items()]


def _cost(name: str, costs: Sequence[Mapping[str, float]], messages: int) -> Figure:
    best = {process: min(cost[process] for cost in costs) / messages * 1e6 for process in costs[0]}
    worst = max(cost["sender"] for cost in costs) / messages * 1e6
    told = ", ".join(f"{process} {us:.0f}" for process, us in best.items())
    return Figure(f"{RATES[name].name}: CPU a message, µs", told, f"sender {worst:.0f}")


def main() -> int:
    """1 when a target is missed, or a message lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000, help="messages a round (default 10,000)")
    parser.add_argument("--warm-up", type=int, default=4_000, help="messages to each before those (default 4,000)")
    parser.add_argument("--rounds", type=int, default=2, help="of which the best counts (default 2)")
    parser.add_argument("--profile", action="store_true", help="sample the sender, and print what costs most")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/performance.md")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-sender-") as name:
        found, costs = run(Path(name), options)
    for cost in costs:
        sys.stdout.write(f"{cost.name:60}{cost.reached}\n")
    if options.record:
        record("sender", [*judged_figures(found), *costs], load=load)
        generate.main([])
    return judged(found)


if __name__ == "__main__":
    sys.exit(main())
