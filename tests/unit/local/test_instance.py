"""One run per data folder, and `make stop` from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.instance import only_one, stop_other
from deploy.local.process import Process
from shared.errors import Fatal
from tests.running import holding
from tests.support import wait_until


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with holding(tmp_path) as run:
        yield run


def test_a_second_run_is_told_who_holds_the_folder(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(Fatal, match=f"process {holder.pid}.*make stop"), only_one(tmp_path):
        pass


def test_stop_ends_the_other_run(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    assert stop_other(tmp_path, 10) == "stopped"
    assert holder.wait(10) == 0


def test_a_killed_run_does_not_lock_the_folder(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with only_one(tmp_path):
        pass


def test_stop_where_nothing_runs_says_so(tmp_path: Path) -> None:
    assert stop_other(tmp_path, 1) == "nothing runs here"


async def test_stop_ends_what_a_killed_run_left_behind(tmp_path: Path) -> None:
    with only_one(tmp_path):
        pass
    left = Process(
        "left",
        [sys.executable, "-c", "import time; time.sleep(600)"],
        log=tmp_path / "log/left.log",
        pid_file=tmp_path / "run/left.pid",
    )
    left.start()
    try:
        assert stop_other(tmp_path, 1) == "ended 1 left-over processes"
        await wait_until(lambda: not left.running)
    finally:
        left.kill()
