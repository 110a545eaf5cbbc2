"""`make run` as a child of a test: a data folder and ports of its own, gone with the test whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from deploy.local import plan
from deploy.local.ports import free_port, is_free
from deploy.local.process import POLL, Process, Stamp
from deploy.local.settings import ROOT, LocalSettings

START = 150.0
"""Seconds until a run is ready; a quiet machine takes 10."""
STOP = 90.0

_BESIDE = range(93, 100)
"""Distances from PORT_BASE that no process of a run has, whatever it is made of."""

_HOLDER = """
import sys, time
from pathlib import Path
from deploy.local.instance import only_one
from deploy.local.stopping import StopAsked, StopSignals
with StopSignals(), only_one(Path(sys.argv[1])):
    try:
        print("held", flush=True)
        time.sleep(600)
    except StopAsked:
        pass
"""


class Run:
    """One `python -m deploy.local run`; `folder` holds its data (`var`) and what it says (`output`).

    It sends through simulators of its own, else through those of an `operators` file.
    """

    def __init__(self, folder: Path, operators: Path | None = None) -> None:
        self.var = folder / "var"
        self.output = folder / "output"
        self.base = free_base()
        self._operators = operators
        self._split = False
        self._process: Process | None = None

    @property
    def settings(self) -> LocalSettings:
        """Where it is, and of how many processes."""
        return LocalSettings(self.base, self.var, self._operators, self._split)

    @property
    def local_env(self) -> Path:
        """There exactly while the run is ready."""
        return self.var / "local.env"

    def start(self, *, split: bool = False) -> Process:
        """Start, without waiting; `split` into one process per role."""
        self._split = split
        self._process = Process(
            "make run",
            [sys.executable, "-m", "deploy.local", "run"],
            log=self.output,
            pid_file=self.output.with_suffix(".pid"),
            environment=os.environ
            | {
                "VAR": str(self.var),
                "PORT_BASE": str(self.base),
                "OPERATORS": str(self._operators or ""),
                "ROLES": "split" if split else "",
            },
            folder=ROOT,
        )
        self._process.start()
        return self._process

    def wait_ready(self, deadline: float = START) -> None:
        """Wait until its own message is delivered; fails with all that it said."""
        assert self._process is not None
        until = time.monotonic() + deadline
        while not self.said("ends everything"):
            assert self._process.running, self.output.read_text()
            assert time.monotonic() < until, f"not ready after {deadline:g} s:\n{self.output.read_text()}"
            time.sleep(POLL)

    def stop(self, deadline: float = STOP) -> int:
        """Ask it to end as Ctrl-C does; its exit code. Killed after `deadline` seconds."""
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGINT)
        until = time.monotonic() + deadline
        while self._process.running and time.monotonic() < until:
            time.sleep(POLL)
        self._process.kill()
        assert self._process.exit_code is not None
        return self._process.exit_code

    def kill(self) -> None:
        """End it at once; its children die with it."""
        if self._process is not None:
            self._process.kill()

    def said(self, words: str) -> bool:
        """Whether its output holds these words."""
        return words in self.output.read_text()

    def stamps(self) -> Mapping[str, Stamp]:
        """The processes of its pid files, by name."""
        files = self.var.glob("*/*.pid")
        return {file.stem: msgspec.json.decode(file.read_bytes(), type=Stamp) for file in files}

    def ports_are_free(self) -> bool:
        """Whether nobody listens on any of its ports."""
        return all(is_free(port) for port in plan.ports(self.settings).values())


@contextmanager
def holding(var: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that does nothing but hold its data folder, until it is stopped as any other."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(var)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as run:
        try:
            assert run.stdout is not None
            assert run.stdout.readline() == "held\n"
            yield run
        finally:
            run.kill()


def beside(base: int) -> range:
    """The ports between those of a run, for what stands beside it: the two never meet, in whatever order they start."""
    return range(base + _BESIDE.start, base + _BESIDE.stop)


def free_base() -> int:
    """A PORT_BASE of which every port is free, of however many processes the run is, and every one beside."""
    while True:
        base = free_port()
        runs = [LocalSettings(base, ROOT, split=split) for split in (False, True)]
        ports = {*beside(base), *(port for run in runs for port in plan.ports(run).values())}
        if all(map(is_free, ports)):
            return base
