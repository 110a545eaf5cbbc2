"""How long messages take at a steady pace through the whole system: `make bench-pace`.

So many a second come in for so long, in several rounds, whatever the door answers: each request counts from when it was
due. Fails if a message is lost, goes out twice or is called back twice, or under 80 % of a target in the best round.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from docs.sections.figures import Figure
from tests.bench import command
from tests.bench.outcome import milliseconds, outcome
from tests.bench.processes import Usage
from tests.bench.targets import Target
from tests.bench.whole import FIRST, standing

ACCEPT: Final = Target("answer of the door, p99", 25, "ms", at_most=True)
SUBMIT: Final = {
    0.5: Target("from there to the operator, p50", 80, "ms", at_most=True),
    0.99: Target("from there to the operator, p99", 250, "ms", at_most=True),
}


def measure(folder: Path, options: argparse.Namespace) -> command.Found:
    """All rounds on one gateway."""
    rounds = [f"round-{number}" for number in range(options.rounds)]
    costs: list[tuple[float, float]] = []
    with standing(folder, warm_up=options.warm_up) as (_, ends, traffic):
        for number, name in enumerate(rounds):
            before = Usage.of(traffic.pids | ends.pids)
            load = traffic.round(name, FIRST + number * options.messages, options.messages, options.rate)
            now = Usage.of(traffic.pids | ends.pids)
            spent = now.since(before)
            others = now.others(before) - load["cpu_s"] / (now.at - before.at)
            costs.append((sum(spent[each] for each in traffic.pids) / options.messages * 1e6, others))
    smsc, sink = ends.log("smsc"), ends.log("sink")
    found = [outcome(ends.log(name), smsc, sink) for name in rounds]
    judged: dict[Target, list[float]] = {ACCEPT: [milliseconds(each.accept, 0.99) for each in found]}
    for share, target in SUBMIT.items():
        judged[target] = [milliseconds(each.accept_to_submit, share) for each in found]
    doors, paces = [milliseconds(each.accept, 0.5) for each in found], [each.accept_rate for each in found]
    figures = [
        Figure("messages", f"{options.rounds} times {options.messages:,}, {options.rate:,} a second"),
        Figure("answer of the door, p50", f"{min(doors):,.1f} ms", f"{max(doors):,.1f}"),
        Figure("accepted", f"{max(paces):,.0f} a second", f"{min(paces):,.0f}"),
        Figure("all: CPU", f"{min(cost for cost, _ in costs):,.0f} µs", f"{max(cost for cost, _ in costs):,.0f}"),
        Figure("others on the machine", *(f"{least:.2f}" for least in _ends([others for _, others in costs]))),
        *(Figure(row.name, row.reached) for row in found[-1].figures() if row.name[:3] in {"los", "wen", "not"}),
    ]
    return command.Found(judged, figures, good=all(each.good for each in found))


def _ends(numbers: list[float]) -> tuple[float, float]:
    return min(numbers), max(numbers)


def main() -> int:
    """Command line."""
    parser = command.parser(__doc__)
    parser.add_argument("--rate", type=int, default=1_000, help="messages a second")
    parser.add_argument("--messages", type=int, default=15_000, help="messages of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=10_000, help="messages before those that count")
    options = parser.parse_args()
    return command.run("pace", options, lambda folder: measure(folder, options))


if __name__ == "__main__":
    sys.exit(main())
