"""What the benches of whole runs make of what they read."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from deploy.local import plan
from deploy.local.settings import LocalSettings
from docs.sections.figures import Figure
from tests.bench import command
from tests.bench.bench_backlog import Backlog, found, last_to_first
from tests.bench.bench_workers import Round
from tests.bench.far import FarEnds
from tests.bench.memory import Memory
from tests.bench.outcome import outcome
from tests.bench.targets import Target
from tests.bench.whole import placed
from tests.running import beside, free_base
from tests.unit.bench.test_system import called, sent, submitted

GOOD = outcome([sent(1)], [submitted(1)], [called(1)])


def backlog(**growth: float) -> Backlog:
    even, caches = [1.0] * 10, {"kafka": 90.0, "mongodb": 90.0}
    return Backlog(GOOD, even, even, caches | growth, dict.fromkeys(caches, 1.0), [100.0] * 5, 0.1)


def verdicts(run: Backlog) -> dict[str, str]:
    return {target.name: target.verdict(*reached) for target, reached in found(run, 10).judged.items()}


def test_a_process_that_grows_with_the_backlog_is_seen_and_a_cache_of_a_given_size_may_fill() -> None:
    assert set(verdicts(backlog(dlr=1.0)).values()) == {"met"}
    assert verdicts(backlog(dlr=80.0))["dlr: grew by"] == "MISSED"


def test_what_costs_more_the_more_there_is_is_seen() -> None:
    assert last_to_first([9.0, *[1.0] * 9]) == 100.0
    assert last_to_first([1.0, *range(1, 10)]) == pytest.approx(280.0)


def test_a_member_that_does_nothing_is_seen() -> None:
    one = Round(1000, 2.0, [0.3, 0.3, 0.0], 1.0)
    assert (one.least, one.cost) == (0.0, 600.0)


def test_memory_counts_from_the_mark_on() -> None:
    memory = Memory({"us": os.getpid()})
    memory.mark()
    memory.most = {"us": memory.marked["us"] + 7.0}
    assert memory.growth["us"] == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("reached", "good", "code"), [(10.0, True, 0), (11.0, True, 0), (20.0, True, 1), (10.0, False, 1)]
)
def test_a_command_fails_on_a_loss_and_on_a_target_that_is_missed(
    reached: float, good: bool, code: int, tmp_path: Path
) -> None:
    target = Target("us", 10, "ms", at_most=True)
    result = command.Found({target: [reached]}, [Figure("more", "1")], good=good)
    options = argparse.Namespace(keep=tmp_path, record=False)
    assert command.run("it", options, lambda _: result) == code


@pytest.mark.parametrize("own", [None, Path("my.yaml")])
@pytest.mark.parametrize("split", [False, True])
def test_what_stands_beside_a_run_has_ports_that_no_run_takes(own: Path | None, split: bool) -> None:
    run = LocalSettings(port_base=25_000, var=Path("var"), own_operators=own, split=split)
    assert not set(beside(25_000)) & set(plan.ports(run).values())


def test_the_far_ends_of_a_bench_stand_beside_its_run(tmp_path: Path) -> None:
    run, ends = placed(tmp_path, window=50, response_delay_ms=0)
    assert len(ends.ports) == 4
    assert ends.ports < set(beside(run.base))
    assert f"port: {ends.smsc_port}\n" in (tmp_path / "operators.yaml").read_text()


def test_what_an_smsc_that_was_closed_has_taken_stays_on_record(tmp_path: Path) -> None:
    ends = FarEnds(tmp_path, beside(free_base()))
    ends.start()
    try:
        ends.close()
        (tmp_path / "smsc.closed-0.csv").write_text("no,t_submit_ns\n1,10\n")
        ends.open()
    finally:
        ends.stop()
    assert [row["no"] for row in ends.log("smsc")] == [1]
