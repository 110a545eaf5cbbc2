"""What processes cost, read from /proc: of those that a bench started, by pid, and of the machine as a whole."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

_TICKS = os.sysconf("SC_CLK_TCK")


class Usage(msgspec.Struct, frozen=True):
    """Seconds of CPU of each process since it started, of the whole machine since it did, and when this was read."""

    cpu: Mapping[str, float]
    machine: float
    at: float

    @classmethod
    def of(cls, pids: Mapping[str, int]) -> Usage:
        """Now."""
        return cls({name: cpu_seconds(pid) for name, pid in pids.items()}, _busy(), time.monotonic())

    def since(self, before: Usage) -> Mapping[str, float]:
        """Seconds of CPU of each process between two readings."""
        return {name: seconds - before.cpu[name] for name, seconds in self.cpu.items() if name in before.cpu}

    def others(self, before: Usage) -> float:
        """Cores that everybody else had between two readings."""
        return (self.machine - before.machine - sum(self.since(before).values())) / (self.at - before.at)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def thread_seconds(pid: int) -> Mapping[str, float]:
    """User and system time of the threads of a process, by their names without numbers."""
    seconds: dict[str, float] = {}
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        head, _, tail = stat.read_text().rpartition(")")
        name = re.sub(r"[-#. ]*[0-9][-#0-9]*", "", head.partition("(")[2])
        fields = tail.split()
        seconds[name] = seconds.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / _TICKS
    return seconds


def peak_mb(pid: int) -> float:
    """The most memory that it had resident, in MB."""
    return _memory(pid, "VmHWM")


def resident_mb(pid: int) -> float:
    """The memory that it has resident, in MB."""
    return _memory(pid, "VmRSS")


def _memory(pid: int, what: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def _busy() -> float:
    """Seconds that all CPUs were at work: all but idle and waiting for disks (proc(5), /proc/stat)."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS
