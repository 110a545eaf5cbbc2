"""The far ends of a bench as child processes: SMSC, sink and load, ours or those of the binary `bench`."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from deploy.local.ports import is_free
from deploy.local.settings import ROOT

_PATIENCE = 30.0
"""Seconds for an end to listen, or to write its log and go."""

Log = Sequence[Mapping[str, int]]


class FarEnds:
    """An SMSC and a sink, on the first four of some ports. `peers`: the folder of the binary `bench`, None for ours."""

    def __init__(
        self, folder: Path, ports: Sequence[int], peers: Path | None = None, *, response_delay_ms: int = 0
    ) -> None:
        self.smsc_port, self.sink_port, smsc_control, sink_control = ports[:4]
        self._folder = folder
        self._peers = peers
        self._response_delay_ms = response_delay_ms
        self._controls = {"smsc": smsc_control, "sink": sink_control}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def ports(self) -> Set[int]:
        """All that they listen on."""
        return {self.smsc_port, self.sink_port, *self._controls.values()}

    @property
    def pids(self) -> dict[str, int]:
        """Of the SMSC and the sink."""
        return {name: process.pid for name, process in self._processes.items()}

    def start(self) -> None:
        """Start both and wait until they listen."""
        self._start("sink", self.sink_port, {})
        self.open()

    def open(self) -> None:
        """Start the SMSC, or another in place of one that was closed, and wait until all listen."""
        self._start("smsc", self.smsc_port, {"resp-delay-ms": self._response_delay_ms})
        until = time.monotonic() + _PATIENCE
        while any(is_free(port) for port in self._controls.values()):
            assert time.monotonic() < until, "the far ends do not listen"
            time.sleep(0.05)

    def close(self) -> None:
        """End the SMSC: whoever was bound has lost the link. Its log stays a part of the whole."""
        smsc = self._processes.pop("smsc")
        smsc.terminate()
        smsc.wait(_PATIENCE)
        closed = len(list(self._folder.glob("smsc.closed-*.csv")))
        self._log("smsc").rename(self._folder / f"smsc.closed-{closed}.csv")

    def state(self, name: str) -> Mapping[str, int]:
        """What one of them has seen."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._controls[name]}/", timeout=_PATIENCE) as answer:
            state: Mapping[str, int] = json.load(answer)
        return state

    def load(self, name: str, options: Mapping[str, object], deadline: float) -> Mapping[str, float]:
        """Run one load to its end; its figures. Its log is `log(name)`."""
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        # What is paced is ours: the binary knows no pace.
        command = [*self._command(ours="rate" in options), "http-load", "--log", str(self._log(name)), *words]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=deadline)
        if run.returncode:
            raise SystemExit(f"the load failed:\n{run.stdout}{run.stderr}")
        figures: Mapping[str, float] = json.loads(run.stdout)
        return figures

    def stop(self) -> None:
        """End both; then their logs are there."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, name: str) -> Log:
        """The rows of `smsc`, `sink` or a load."""
        rows: list[Mapping[str, int]] = []
        for path in (*sorted(self._folder.glob(f"{name}.closed-*.csv")), self._log(name)):
            with path.open() as file:
                rows += [{key: int(value) for key, value in row.items()} for row in csv.DictReader(file)]
        return rows

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.csv"

    def _command(self, *, ours: bool = False) -> list[str]:
        if self._peers is None or ours:
            return [sys.executable, "-m", "tests.bench.ends"]
        return [str(self._peers / "bench")]

    def _start(self, name: str, port: int, options: Mapping[str, object]) -> None:
        told = {"port": port, "ctl": self._controls[name], "log": self._log(name), **options}
        words = [word for key, value in told.items() for word in (f"--{key}", str(value))]
        if name == "smsc" and self._peers is not None:
            words += ["--quickack", "1"]
        with (self._folder / f"{name}.out").open("wb") as output:
            self._processes[name] = subprocess.Popen(
                [*self._command(), name, *words], cwd=ROOT, stdout=output, stderr=output
            )
