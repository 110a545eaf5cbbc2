"""A child process ends when it should, and never outlives its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from deploy.local.process import Process, Stamp, end_stale, read_stamp, start_time
from shared.errors import Fatal
from tests.support import wait_until

FOR_EVER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)

Make = Callable[[str], Process]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Process] = []

    def build(code: str) -> Process:
        process = Process("sample", [sys.executable, "-c", code], log=tmp_path / "s.log", pid_file=tmp_path / "s.pid")
        made.append(process)
        return process

    yield build
    for process in made:
        process.kill()


def is_up(process: Process) -> Callable[[], bool]:
    return lambda: process.log.exists() and "up" in process.log.read_text()


def test_it_starts_logs_and_stops(make: Make, tmp_path: Path) -> None:
    process = make(FOR_EVER)
    process.start()
    process.wait_ready(is_up(process), 10)
    assert process.running
    process.stop(10)
    assert process.exit_code == -signal.SIGTERM
    assert not (tmp_path / "s.pid").exists()


def test_one_that_ignores_sigterm_is_killed_after_the_deadline(make: Make) -> None:
    process = make(STUBBORN)
    process.start()
    process.wait_ready(is_up(process), 10)
    process.stop(0.05)
    assert process.exit_code == -signal.SIGKILL


def test_one_that_dies_is_reported_with_its_last_words(make: Make) -> None:
    process = make("print('the disk is full'); raise SystemExit(3)")
    process.start()
    with pytest.raises(Fatal) as caught:
        process.wait_ready(lambda: False, 10)
    assert "sample ended with exit code 3" in caught.value.detail
    assert "| the disk is full" in caught.value.detail


def test_one_that_is_never_ready_is_reported_after_the_deadline(make: Make) -> None:
    process = make(FOR_EVER)
    process.start()
    with pytest.raises(Fatal, match=r"sample was not ready after 0\.05 s"):
        process.wait_ready(lambda: False, 0.05)


def test_a_left_over_process_is_ended_by_the_next_start(make: Make, tmp_path: Path) -> None:
    first, second = make(FOR_EVER), make(FOR_EVER)
    first.start()
    first.wait_ready(is_up(first), 10)
    second.start()
    assert first.exit_code == -signal.SIGTERM
    assert second.running


def test_a_pid_that_was_used_again_is_left_alone(tmp_path: Path) -> None:
    pid_file = tmp_path / "old.pid"
    started = start_time(os.getpid())
    assert started is not None
    pid_file.write_bytes(msgspec.json.encode(Stamp(os.getpid(), started - 1)))
    assert end_stale(pid_file) is None
    assert not pid_file.exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"pid": 1}'])
def test_a_damaged_pid_file_means_nothing(tmp_path: Path, content: bytes) -> None:
    pid_file = tmp_path / "bad.pid"
    pid_file.write_bytes(content)
    assert read_stamp(pid_file) is None


def test_a_killed_parent_leaves_nothing_running(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from deploy.local.process import Process
folder = Path({str(tmp_path)!r})
Process("child", [sys.executable, "-c", {STUBBORN!r}], log=folder / "c.log", pid_file=folder / "c.pid").start()
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        log, pid_file = tmp_path / "c.log", tmp_path / "c.pid"
        asyncio.run(wait_until(lambda: log.exists() and "up" in log.read_text(), waiting_for="the child"))
        child = read_stamp(pid_file)
        assert child is not None
    finally:
        parent.kill()
        parent.wait()
    asyncio.run(wait_until(lambda: start_time(child.pid) != child.started, waiting_for="the child's end"))


def test_the_log_before_is_kept(make: Make, tmp_path: Path) -> None:
    for code in ("print('one')", "print('two')"):
        process = make(code)
        process.start()
        with pytest.raises(Fatal):
            process.wait_ready(lambda: False, 10)
    assert (tmp_path / "s.log").read_text() == "two\n"
    assert (tmp_path / "s.log.1").read_text() == "one\n"
