"""What a backlog costs: `make bench-backlog`.

The operator's link is down, and the door takes messages; then the operator is back, and they go out. Memory is looked
at from a tenth of the backlog until the last callback: no process of ours may grow by more than 50 MB, however much it
holds. mongod and the broker may fill the caches that they were given. The rate at which the operator takes messages
must hold, and what one costs must not depend on how many wait. Fails as well if a message is lost, goes out twice or is
called back twice.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from docs.sections.figures import Figure
from tests.bench import command
from tests.bench.far import FarEnds
from tests.bench.memory import Memory
from tests.bench.outcome import Outcome, outcome
from tests.bench.processes import Usage
from tests.bench.targets import Target
from tests.bench.whole import FIRST, Traffic, standing

CACHES: Final = {"kafka": "heap of at most 512 MB", "mongodb": "cache of at most 256 MB"}
GROWTH: Final = 50.0
HOLDS: Final = Target("rate of the last fifth, of the first", 80, "%")
ACCEPT_COST: Final = Target("accepted while it waits: CPU of the last half, of the first", 120, "%", at_most=True)
DRAIN_COST: Final = Target("sent when it may: CPU of the last half, of the first", 120, "%", at_most=True)
_TENTHS: Final = 10
_RECONNECTS: Final = 150.0


class Backlog(msgspec.Struct, frozen=True):
    """One run. CPU is seconds of the whole system for each tenth of the messages; growth is MB; rates are per second,
    by fifths; `first_after` is seconds from the operator's return until it took a message.
    """

    outcome: Outcome
    accepting: Sequence[float]
    draining: Sequence[float]
    growth: Mapping[str, float]
    at_a_tenth: Mapping[str, float]
    rates: Sequence[float]
    first_after: float

    @property
    def grew(self) -> Mapping[str, float]:
        """The growth of those that have no cache of a given size."""
        return {name: mb for name, mb in self.growth.items() if name not in CACHES}


def last_to_first(costs: Sequence[float]) -> float:
    """The last half in per cent of the first; the very first of all is left out, for it holds what happens but once."""
    half = len(costs) // 2
    return sum(costs[half:]) / half / (sum(costs[1:half]) / (half - 1)) * 100


def run(folder: Path, messages: int, warm_up: int) -> Backlog:
    """Fill it, and let it go."""
    with standing(folder, warm_up=warm_up) as (_, ends, traffic):
        memory = Memory(traffic.pids)
        with memory.watched():
            ends.close()
            accepting, share = [], messages // _TENTHS
            for tenth in range(_TENTHS):
                before = _cpu(traffic)
                traffic.post(f"load-{tenth}", FIRST + tenth * share, share)
                accepting.append(_cpu(traffic) - before)
                if tenth == 0:
                    memory.mark()
            opened = time.monotonic_ns()
            ends.open()
            _wait_bound(ends)
            draining = _drain(traffic, messages)
    load = [row for tenth in range(_TENTHS) for row in ends.log(f"load-{tenth}")]
    smsc = ends.log("smsc")
    taken = sorted(row["t_submit_ns"] for row in smsc if row["t_submit_ns"] >= opened)
    fifth = max(len(taken) // 5, 1)
    return Backlog(
        outcome(load, smsc, ends.log("sink")),
        accepting,
        draining,
        memory.growth,
        memory.marked,
        [_rate(taken[place : place + fifth]) for place in range(0, fifth * 5, fifth)],
        (taken[0] - opened) / 1e9 if taken else float("inf"),
    )


def _cpu(traffic: Traffic) -> float:
    return sum(Usage.of(traffic.pids).cpu.values())


def _wait_bound(ends: FarEnds) -> None:
    """The gateway tries again after a while, the longer the longer nobody answered."""
    until = time.monotonic() + _RECONNECTS
    while not ends.state("smsc")["bound"]:
        if time.monotonic() > until:
            raise SystemExit(f"no link to the operator after {_RECONNECTS:g} s")
        time.sleep(0.1)


def _drain(traffic: Traffic, messages: int) -> Sequence[float]:
    """CPU seconds for each tenth of the callbacks."""
    marks = [_cpu(traffic)]
    for missing in traffic.wait():
        while len(marks) <= _TENTHS and messages - missing >= messages * len(marks) // _TENTHS:
            marks.append(_cpu(traffic))
    return [later - earlier for earlier, later in pairwise(marks)]


def _rate(times: Sequence[int]) -> float:
    seconds = (times[-1] - times[0]) / 1e9 if times else 0.0
    return (len(times) - 1) / seconds if seconds else 0.0


def found(backlog: Backlog, messages: int) -> command.Found:
    """As a table."""
    judged = {
        **{Target(f"{name}: grew by", GROWTH, "MB", at_most=True): [mb] for name, mb in backlog.grew.items()},
        HOLDS: [backlog.rates[-1] / backlog.rates[0] * 100 if backlog.rates[0] else 0.0],
        ACCEPT_COST: [last_to_first(backlog.accepting)],
        DRAIN_COST: [last_to_first(backlog.draining)],
    }
    figures = [
        *(
            Figure(
                f"{name}: grew by", f"{backlog.growth[name]:,.1f} MB, from {backlog.at_a_tenth[name]:,.0f}", "", cache
            )
            for name, cache in CACHES.items()
        ),
        Figure("messages", f"{messages:,}"),
        Figure("accepted while the link was down", f"{backlog.outcome.accept_rate:,.0f} a second"),
        Figure("CPU of one meanwhile", f"{sum(backlog.accepting) / messages * 1e6:,.0f} µs"),
        Figure("from the operator's return to its first message", f"{backlog.first_after:.1f} s"),
        Figure("taken by the operator, by fifths", ", ".join(f"{rate:,.0f}" for rate in backlog.rates) + " a second"),
        Figure("CPU of one from there to its callback", f"{sum(backlog.draining) / messages * 1e6:,.0f} µs"),
        *(row for row in backlog.outcome.figures() if row.name[:3] in {"los", "wen", "not"}),
    ]
    return command.Found(judged, figures, good=backlog.outcome.good)


def measure(folder: Path, options: argparse.Namespace) -> command.Found:
    """The one round."""
    return found(run(folder, options.messages, options.warm_up), options.messages)


def main() -> int:
    """Command line."""
    parser = command.parser(__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--warm-up", type=int, default=10_000, help="messages before those that count")
    options = parser.parse_args()
    return command.run("backlog", options, lambda folder: measure(folder, options))


if __name__ == "__main__":
    sys.exit(main())
