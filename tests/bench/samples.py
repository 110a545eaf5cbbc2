"""Where each process spends its time: samples of the processes of a run (`tests/bench/sampling`)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from deploy.local.settings import ROOT

_FOLDER = Path(__file__).with_name("sampling")
_PATIENCE = 10.0
_LOOP = 0.9
"""What is on the stack in so many samples is the loop."""


class Function(msgspec.Struct, frozen=True):
    """How many samples were in it itself, and in it or what it called."""

    name: str
    own: int
    total: int


def environment(folder: Path) -> Mapping[str, str]:
    """What processes are told that shall be sampled."""
    folder.mkdir(exist_ok=True)
    return {"PYTHONPATH": str(_FOLDER), "SAMPLES": str(folder)}


@contextmanager
def sampled(pids: Mapping[str, int]) -> Iterator[None]:
    """Sample these while entered."""
    for pid in pids.values():
        os.kill(pid, signal.SIGUSR1)
    yield
    for pid in pids.values():
        os.kill(pid, signal.SIGUSR1)


def functions(folder: Path, pid: int) -> list[Function]:
    """What was found of one process, the most expensive first."""
    path, until = folder / str(pid), time.monotonic() + _PATIENCE
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    rows = [line.split(" ", 2) for line in path.read_text().splitlines()]
    return [Function(_short(name), int(own), int(total)) for own, total, name in rows]


def _short(name: str) -> str:
    place, function = name.rsplit(" ", 1)
    path = place.removeprefix(f"{ROOT}/").rpartition("site-packages/")[2].rpartition("lib/python3.11/")[2]
    return f"{path.rpartition(':')[0]} {function}"


def table(found: list[Function], most: int = 20) -> Iterator[str]:
    """The functions that cost most, by themselves and with all that they call, as shares of all samples."""
    all_of_them = max(sum(function.own for function in found), 1)
    yield f"{'itself':>8}  function{'':62}{'with callees':>14}  function"
    own = sorted(found, key=lambda function: -function.own)[:most]
    whole = [function for function in found if function.total < all_of_them * _LOOP][:most]
    for one, other in zip(own, whole, strict=False):
        yield (
            f"{one.own / all_of_them:8.1%}  {one.name[-68:]:70}{other.total / all_of_them:14.1%}  {other.name[-68:]}"
        )
