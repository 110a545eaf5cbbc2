"""`make run` as its user meets it: up, killed, up again with the same data, one message through, down."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.process import start_time
from deploy.local.processes import GROUPS
from deploy.local.settings import ROOT, Port
from tests.running import Run
from tests.support import wait_until


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    run.kill()


@pytest.mark.timeout(400)
async def test_a_run_survives_kill_delivers_and_stops_in_order(run: Run) -> None:
    """The second start has one process per role on the data of the first, and its tour goes through every one."""
    run.start()
    run.wait_ready()
    children = run.stamps()
    assert {"kafka", "mongodb", "valkey", *(group.name for group in GROUPS)} <= children.keys()
    run.kill()
    await wait_until(lambda: all(start_time(child.pid) != child.started for child in children.values()))
    assert run.local_env.exists()
    run.start(split=True)
    await wait_until(lambda: not run.local_env.exists(), waiting_for="what says that all is ready to go")
    run.wait_ready()
    every = {f"{group.service}.{role.name}" for group in GROUPS for role in group.roles}
    assert run.stamps().keys() - every == children.keys() - {group.name for group in GROUPS}
    assert every <= run.stamps().keys()
    assert run.said("0 of them new")
    assert run.said("✓ delivered")
    assert f"BUDSTIKKE_API=http://127.0.0.1:{run.base}\n" in run.local_env.read_text()
    assert run.stop() == 0, run.output.read_text()
    assert not run.local_env.exists()
    assert run.stamps() == {}
    assert run.ports_are_free()


def test_a_taken_port_ends_a_run_before_anything_starts(tmp_path: Path, valkey: str) -> None:
    taken = int(valkey.rpartition(":")[2].partition("/")[0])
    environment = os.environ | {
        "VAR": str(tmp_path / "var"),
        "PORT_BASE": str(taken - Port.VALKEY),
        "OPERATORS": "",
        "ROLES": "",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.local", "run"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert f"port {taken} (valkey) is taken by process" in ended.stdout
    assert not (tmp_path / "var/data").exists()
