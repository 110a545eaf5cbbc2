"""What further workers of a stage bring: `make bench-workers`.

Every role is a process of its own. The members of one stage are put to sleep, messages come in until everything before
the stage has done its work, and the members wake up: they have all these messages before them, while the stages behind
work as usual. That for each stage with one, two and three members. On two cores, which broker and database share, three
cannot do three times as much; what can be shown is that each does a part of the work, that a message costs little more,
and that nothing is lost, goes out twice or is called back twice, for which it fails.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from deploy.local import plan
from deploy.local.ports import free_port
from deploy.local.service import Service
from docs.sections.figures import Figure
from shared.kafka.settings import KafkaSettings
from tests.bench import command
from tests.bench.outcome import outcome
from tests.bench.processes import cpu_seconds
from tests.bench.targets import Target
from tests.bench.whole import FIRST, Standing, standing
from tests.chaos.rest import lag

STAGES: Final[Mapping[str, str]] = {
    "ingest.screening": "screening",
    "dispatch.router": "router",
    "dispatch.sender": "sender",
    "dlr.status": "status",
    "dlr.webhooks": "webhooks",
    "billing.usage": "usage",
}
"""By process; its groups begin with the same words."""
MEMBERS: Final = (1, 2, 3)
DEARER: Final = 160
LEAST: Final = 10
_SETTLING: Final = 400
"""Messages that pass through new members before they count: by then each has its partitions."""
_PATIENCE: Final = 60.0
_SESSION: Final = KafkaSettings("").session_timeout


class Round(msgspec.Struct, frozen=True):
    """So many messages before so many members: seconds until the last was done, the CPU seconds of each member, and how
    long they slept before.
    """

    messages: int
    seconds: float
    spent: Sequence[float]
    slept: float

    @property
    def cost(self) -> float:
        """µs of CPU a message."""
        return sum(self.spent) / self.messages * 1e6

    @property
    def least(self) -> float:
        """The smallest member's part of the work, in per cent of an even one."""
        return min(self.spent) / sum(self.spent) * len(self.spent) * 100


class Stage:
    """The members of one, and the groups that they are in."""

    def __init__(self, name: str, stand: Standing, at_the_end: ExitStack) -> None:
        self.name = name
        self.pids = [stand.traffic.pids[name]]
        self._stand = stand
        self._at_the_end = at_the_end

    def join(self) -> None:
        """One more."""
        service, _, role = self.name.partition(".")
        settings, told, health = self._stand.run.settings, self._stand.traffic.told, free_port()
        servers = {name: told[f"BUDSTIKKE_{name.upper()}"] for name in ("kafka", "mongodb", "valkey")}
        member = Service(
            f"{self.name}-{len(self.pids)}",
            (f"services.{service}", role),
            ports={"health": health},
            probe=f"http://127.0.0.1:{health}",
            environment=plan.with_health_port(plan.environment(settings, **servers), health),
            logs=settings.logs,
            processes=settings.processes,
        )
        self._at_the_end.callback(member.stop)
        member.start()
        member.process.wait_ready(member.ready, _PATIENCE)
        assert member.process.pid is not None
        self.pids.append(member.process.pid)

    def sleep(self) -> None:
        """All members."""
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def wake(self) -> None:
        """All members."""
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)

    def behind(self) -> tuple[int, int]:
        """Records before this stage, and before all others."""
        found = asyncio.run(lag(self._stand.traffic.told["BUDSTIKKE_KAFKA"]))
        own = sum(count for group, count in found.items() if group.startswith(self.name))
        return own, sum(found.values()) - own

    def wait(self, what: str, until: int) -> None:
        """Until nothing is left: for `until` 0 before this stage, for 1 before the others."""
        deadline = time.monotonic() + _PATIENCE
        while self.behind()[until]:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.name}: {what} after {_PATIENCE:g} s")


def measured(stage: Stage, stand: Standing, name: str, first: int, messages: int) -> Round:
    """Let these messages gather before the stage, and let it do them."""
    stage.sleep()
    fell_asleep = time.monotonic()
    try:
        stand.traffic.post(name, first, messages)
        stage.wait("others are behind", 1)
        before = [cpu_seconds(pid) for pid in stage.pids]
        began = time.monotonic()
    finally:
        stage.wake()
    stage.wait("it is behind", 0)
    seconds = time.monotonic() - began
    for _ in stand.traffic.wait():
        pass
    now = [cpu_seconds(pid) for pid in stage.pids]
    spent = [later - earlier for earlier, later in zip(before, now, strict=True)]
    return Round(messages, seconds, spent, began - fell_asleep)


def run(folder: Path, stages: Sequence[str], messages: int, warm_up: int) -> tuple[dict[str, list[Round]], bool]:
    """The rounds of each stage, and whether nothing was lost or doubled."""
    found: dict[str, list[Round]] = {}
    names: list[str] = []
    with standing(folder, warm_up=warm_up, split=True) as stand:
        first = FIRST

        def next_load(count: int) -> tuple[str, int, int]:
            nonlocal first
            names.append(f"load-{first}")
            first += count
            return names[-1], first - count, count

        for name in stages:
            with ExitStack() as at_the_end:
                stage = Stage(name, stand, at_the_end)
                for members in MEMBERS:
                    if members > 1:
                        stage.join()
                    stand.traffic.round(*next_load(_SETTLING))
                    found.setdefault(name, []).append(measured(stage, stand, *next_load(messages)))
                    command.say(_text(found[name][-1], f"{name}, {members}"))
            stand.traffic.round(*next_load(_SETTLING))
    load = [row for name in names for row in stand.ends.log(name)]
    return found, outcome(load, stand.ends.log("smsc"), stand.ends.log("sink")).good


def _text(one: Round, name: str = "") -> str:
    shares = ", ".join(f"{spent / sum(one.spent):.0%}" for spent in one.spent)
    text = f"{name} {one.messages / one.seconds:,.0f} a second, {one.cost:,.0f} µs; shares {shares}".strip()
    return text if one.slept < _SESSION else f"{text}; they had lost their groups, having slept {one.slept:.0f} s"


def measure(folder: Path, options: argparse.Namespace) -> command.Found:
    """As a table."""
    found, good = run(folder, options.only or list(STAGES), options.messages, options.warm_up)
    judged, figures = {}, [Figure("messages of each round", f"{options.messages:,}")]
    for name, rounds in found.items():
        word = STAGES[name]
        dearer = max(each.cost for each in rounds[1:]) / rounds[0].cost * 100
        judged[Target(f"{word}: CPU with more members, of that with one", DEARER, "%", at_most=True)] = [dearer]
        judged[Target(f"{word}: the smallest part, of an even one", LEAST, "%")] = [min(x.least for x in rounds)]
        figures += [
            Figure(f"{word}, {len(each.spent)} member{'s' * (len(each.spent) > 1)}", _text(each)) for each in rounds
        ]
    return command.Found(judged, figures, good=good)


def main() -> int:
    """Command line."""
    parser = command.parser(__doc__)
    parser.add_argument("--messages", type=int, default=5_000, help="of each round")
    parser.add_argument("--warm-up", type=int, default=5_000, help="messages before those that count")
    parser.add_argument("--only", action="append", choices=STAGES, help="this stage")
    options = parser.parse_args()
    return command.run("workers", options, lambda folder: measure(folder, options))


if __name__ == "__main__":
    sys.exit(main())
