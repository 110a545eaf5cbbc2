"""`make run` as its user meets it: up, killed, up again with the same data, one message through, down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from deploy.local.ports import free_port, is_free
from deploy.local.process import Stamp, start_time
from deploy.local.settings import ROOT, Port
from tests.support import wait_until

START = 150.0  # a quiet machine takes 10


class Run:
    """One `python -m deploy.local run` with a data folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"
        self.base = _free_base()
        self._place = {"VAR": str(folder / "var"), "PORT_BASE": str(self.base)}

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """The process, killed at the end if it is still there."""
        with (
            self.output.open("wb") as output,
            subprocess.Popen(
                [sys.executable, "-m", "deploy.local", "run"],
                cwd=ROOT,
                env=os.environ | self._place,
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def said(self, words: str) -> bool:
        return words in self.output.read_text()

    def ready(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.output.read_text()
        return self.said("ends everything")

    def stamps(self) -> list[Stamp]:
        files = (self.folder / "var").glob("*/*.pid")
        return [msgspec.json.decode(file.read_bytes(), type=Stamp) for file in files]

    @property
    def local_env(self) -> Path:
        return self.folder / "var/local.env"


@pytest.mark.timeout(400)
async def test_a_run_survives_kill_delivers_and_stops_in_order(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with run.started() as process:
        await wait_until(lambda: run.ready(process), START, waiting_for="the first run")
        children = run.stamps()
        assert len(children) == 9
        process.kill()
        process.wait()
        await wait_until(lambda: all(start_time(child.pid) != child.started for child in children))
    with run.started() as process:
        await wait_until(lambda: run.ready(process), START, waiting_for="the second run")
        assert run.said("0 of them new")
        assert run.said("✓ delivered")
        assert f"BUDSTIKKE_API=http://127.0.0.1:{run.base}\n" in run.local_env.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, run.output.read_text()
    assert not run.local_env.exists()
    assert run.stamps() == []
    assert all(is_free(run.base + port) for port in Port)


def test_a_taken_port_ends_a_run_before_anything_starts(tmp_path: Path, valkey: str) -> None:
    taken = int(valkey.rpartition(":")[2].partition("/")[0])
    environment = os.environ | {"VAR": str(tmp_path / "var"), "PORT_BASE": str(taken - Port.VALKEY)}
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


def _free_base() -> int:
    while not _all_free(base := free_port()):
        pass
    return base


def _all_free(base: int) -> bool:
    return all(is_free(base + port) for port in Port)
