"""Parts start side by side, are watched, and stop in reverse."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.process import Process
from deploy.local.supervisor import Supervisor
from deploy.local.terminal import Terminal
from shared.errors import Fatal

UP = "import time; print('up', flush=True); time.sleep(600)"
DIES = "print('out of luck', flush=True); raise SystemExit(7)"


class Sample:
    """A tiny part: ready once it has printed `up`."""

    def __init__(self, name: str, code: str, folder: Path, stopped: list[str]) -> None:
        self.process = Process(
            name, [sys.executable, "-c", code], log=folder / f"{name}.log", pid_file=folder / f"{name}.pid"
        )
        self._stopped = stopped

    def start(self) -> None:
        self.process.start()

    def ready(self) -> bool:
        return "up" in self.process.log.read_text()

    def stop(self, deadline: float) -> None:
        self._stopped.append(self.process.name)
        self.process.stop(deadline)


class Fixture:
    """A supervisor, what it printed and what it stopped."""

    def __init__(self, folder: Path) -> None:
        self.printed = io.StringIO()
        self.stopped: list[str] = []
        self.supervisor = Supervisor(Terminal(self.printed, {}))
        self._folder = folder

    def part(self, name: str, code: str = UP) -> Sample:
        return Sample(name, code, self._folder, self.stopped)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Fixture]:
    fixture = Fixture(tmp_path)
    yield fixture
    fixture.supervisor.stop(5)


def test_parts_become_ready_and_stop_in_reverse(run: Fixture) -> None:
    first, second = run.part("first"), run.part("second")
    run.supervisor.start([first, second], 20)
    assert "✓ first" in run.printed.getvalue()
    run.supervisor.stop(5)
    assert run.stopped == ["second", "first"]
    assert first.process.exit_code == second.process.exit_code == -signal.SIGTERM


def test_one_that_dies_at_start_is_named_with_its_last_words(run: Fixture) -> None:
    with pytest.raises(Fatal) as caught:
        run.supervisor.start([run.part("good"), run.part("bad", DIES)], 20)
    assert "bad ended with exit code 7" in caught.value.detail
    assert "out of luck" in caught.value.detail
    run.supervisor.stop(5)
    assert run.stopped == ["bad", "good"]


def test_one_that_dies_later_ends_the_watch(run: Fixture) -> None:
    part = run.part("worker")
    run.supervisor.start([part], 20)
    part.process.signal_stop()
    with pytest.raises(Fatal, match="worker was ended by SIGTERM"):
        run.supervisor.watch()


def test_one_that_never_gets_ready_is_named(run: Fixture) -> None:
    with pytest.raises(Fatal, match=r"not ready after 0\.2 s: slow"):
        run.supervisor.start([run.part("slow", "import time; time.sleep(600)")], 0.2)


def test_stopping_twice_is_stopping_once(run: Fixture) -> None:
    run.supervisor.start([run.part("only")], 20)
    run.supervisor.stop(5)
    run.supervisor.stop(5)
    assert run.stopped == ["only"]
