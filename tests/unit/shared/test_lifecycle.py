from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import ManualClock, SystemClock
from shared.errors import BadSettings, Fatal, Refused, TryLater
from shared.lifecycle import Component, Health, Process
from tests.support import wait_until
from tests.unit.shared.components import Scripted, for_ever, nothing

ROOT = Path(__file__).resolve().parents[3]

Act = Callable[[], Awaitable[None]]


@pytest.fixture
def done() -> list[str]:
    return []


def process(*components: Component, start_seconds: float = 5.0, drain_seconds: float = 5.0) -> Process:
    return Process(components, SystemClock(), start_seconds=start_seconds, drain_seconds=drain_seconds)


def failing(*errors: Exception) -> Act:
    """Raises these errors, one at each call, and nothing after that."""
    left = list(errors)

    async def act() -> None:
        if left:
            raise left.pop(0)

    return act


async def run_until_ready(running: Process) -> int:
    ending = asyncio.create_task(running.run())
    await wait_until(lambda: running.health().ready)
    running.ask_to_stop()
    return await ending


async def test_components_start_in_order_and_stop_in_reverse(done: list[str]) -> None:
    assert await run_until_ready(process(Scripted("a", done), Scripted("b", done))) == 0
    assert done == ["start a", "start b", "stop b", "stop a"]


async def test_each_may_use_half_of_what_is_left_of_the_deadline(done: list[str]) -> None:
    clock = ManualClock(datetime(2026, 11, 22, tzinfo=UTC))

    async def take_two_seconds() -> None:
        clock.advance(2.0)

    last, first = Scripted("last", done), Scripted("first", done, stop=take_two_seconds)
    await run_until_ready(Process([last, first], clock, start_seconds=5.0, drain_seconds=5.0))
    assert (first.deadlines, last.deadlines) == ([2.5], [1.5])


async def test_a_dependency_that_is_not_up_yet_is_waited_for(done: list[str]) -> None:
    late = Scripted("a", done, start=failing(TryLater("kafka_unreachable", "no answer")))
    assert await run_until_ready(process(late)) == 0
    assert done == ["start a", "stop a", "start a", "stop a"]


async def test_patience_ends_with_the_time_to_start(done: list[str]) -> None:
    never = Scripted("a", done, start=failing(*[TryLater("kafka_unreachable", "no answer")] * 100))
    assert await process(never, start_seconds=0.3).run() == 1
    assert 2 <= done.count("start a") < 100
    assert done.count("stop a") == done.count("start a")


async def test_a_start_that_hangs_is_given_up(done: list[str]) -> None:
    hanging = Scripted("a", done, start=for_ever)
    assert await process(hanging, Scripted("b", done), start_seconds=0.1).run() == 1
    assert done == ["start a", "stop a"]


async def test_a_stop_asked_for_ends_a_start_that_hangs(done: list[str]) -> None:
    running = process(Scripted("a", done), Scripted("b", done, start=for_ever), Scripted("c", done), start_seconds=600)
    ending = asyncio.create_task(running.run())
    await wait_until(lambda: "start b" in done)
    running.ask_to_stop()
    assert await asyncio.wait_for(ending, 5) == 0
    assert done == ["start a", "start b", "stop b", "stop a"]


async def test_a_stop_asked_for_ends_the_wait_for_a_dependency(done: list[str]) -> None:
    never = Scripted("a", done, start=failing(*[TryLater("kafka_unreachable", "no answer")] * 100))
    running = process(never, start_seconds=600)
    ending = asyncio.create_task(running.run())
    await wait_until(lambda: done.count("stop a") >= 2)
    running.ask_to_stop()
    assert await asyncio.wait_for(ending, 5) == 0


async def test_a_stop_before_the_start_starts_nothing(done: list[str]) -> None:
    running = process(Scripted("a", done))
    running.ask_to_stop()
    running.ask_to_stop()
    assert await running.run() == 0
    assert done == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadSettings("bad_settings", "BUDSTIKKE_KAFKA: missing"), 2),
        (Fatal("fenced", "another holds the lease"), 1),
        (Refused("bad", "wrong"), 1),
        (RuntimeError("unknown"), 1),
        (TimeoutError(), 1),
    ],
)
async def test_a_start_that_fails_stops_what_was_started(done: list[str], error: Exception, code: int) -> None:
    broken = Scripted("b", done, start=failing(error))
    assert await process(Scripted("a", done), broken, Scripted("c", done)).run() == code
    assert done == ["start a", "start b", "stop b", "stop a"]


async def _cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("end", [nothing, failing(Fatal("fenced", "lease")), failing(RuntimeError("x")), _cancelled])
async def test_a_component_that_ends_by_itself_ends_the_process(done: list[str], end: Act) -> None:
    assert await process(Scripted("a", done), Scripted("b", done, wait=end)).run() == 1
    assert done == ["start a", "start b", "stop b", "stop a"]


@pytest.mark.parametrize("trouble", [for_ever, failing(RuntimeError("x")), failing(TryLater("x", "y"))])
async def test_a_component_that_cannot_stop_does_not_keep_the_others(done: list[str], trouble: Act) -> None:
    assert (
        await run_until_ready(process(Scripted("a", done), Scripted("b", done, stop=trouble), drain_seconds=0.1)) == 0
    )
    assert done == ["start a", "start b", "stop b", "stop a"]


@pytest.mark.parametrize("trouble", [for_ever, failing(RuntimeError("x"))])
async def test_a_component_that_cannot_clean_up_is_started_again(done: list[str], trouble: Act) -> None:
    stops: Sequence[Act] = [trouble]
    left = list(stops)

    async def stop() -> None:
        if left:
            await left.pop()()

    late = Scripted("a", done, start=failing(TryLater("x", "y")), stop=stop)
    assert await run_until_ready(process(late)) == 0
    assert done == ["start a", "stop a", "start a", "stop a"]


async def test_the_reason_names_what_is_waited_for(done: list[str]) -> None:
    running = process(Scripted("a", done), Scripted("b", done, start=for_ever))
    assert running.health() == Health(ready=False, reason="waiting for start")
    ending = asyncio.create_task(running.run())
    await wait_until(lambda: "start b" in done)
    assert running.health() == Health(ready=False, reason="waiting for b")
    running.ask_to_stop()
    assert running.health() == Health(ready=False, reason="stopping")
    await ending
    assert running.health().reason == "stopping"


async def test_the_reasons_of_all_components_are_told(done: list[str]) -> None:
    a, b, c = Scripted("a", done), Scripted("b", done), Scripted("c", done)
    running = process(a, b, c)
    ending = asyncio.create_task(running.run())
    await wait_until(lambda: running.health().ready)
    a.state, b.state = Health(ready=False, reason="no partitions"), Health(ready=False)
    assert running.health() == Health(ready=False, reason="a: no partitions; b: not ready")
    a.state, b.state, c.state = Health(ready=True), Health(ready=True), Health(ready=True, live=False)
    assert running.health() == Health(ready=True, live=False, reason="c: not live")
    running.ask_to_stop()
    await ending


SCRIPT = """
import asyncio, sys
from shared.clock import SystemClock
from shared.lifecycle import Process
from shared.telemetry.logs import configure_logs
from tests.unit.shared.components import Scripted

async def finish():
    await asyncio.sleep(0.05)
    print('{"event": "work finished"}', flush=True)

configure_logs("ingest", "api", "info")
process = Process([Scripted("work", [], stop=finish)], SystemClock(), start_seconds=5, drain_seconds=5)
sys.exit(asyncio.run(process.run()))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_well(number: signal.Signals) -> None:
    child = subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        events = [json.loads(child.stdout.readline())["event"]]
        child.send_signal(number)
        events += [json.loads(line)["event"] for line in child.stdout]
        assert child.wait(30) == 0
    finally:
        child.kill()
        child.communicate()
    assert events == ["ready", "draining", "work finished", "stopped"]
