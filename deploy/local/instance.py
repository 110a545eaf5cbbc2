"""One run per data folder: a lock the kernel lets go of, whatever happens to its holder."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from deploy.local.process import POLL, Stamp, end_stale, read_stamp, start_time
from shared.errors import Fatal

PID_FILES = "*/*.pid"
_LOCK = "lock"


@contextmanager
def only_one(var: Path) -> Iterator[None]:
    """Hold the folder; raises Fatal `already_running` with the holder's pid."""
    var.mkdir(parents=True, exist_ok=True)
    path = var / _LOCK
    with path.open("a") as file:
        if not _take(file):
            holder = read_stamp(path)
            by = f" (process {holder.pid})" if holder else ""
            raise Fatal(
                "already_running",
                f"{var} is in use by another `make run`{by}; `make stop` with the same PORT_BASE ends it, "
                "`make run` with another one runs beside it",
            )
        file.truncate(0)
        file.write(msgspec.json.encode(Stamp(os.getpid(), start_time(os.getpid()) or 0)).decode())
        file.flush()
        yield


def stop_other(var: Path, deadline: float) -> str:
    """End the run that holds the folder, or what a dead one left behind; says what was done.

    Raises Fatal `will_not_stop` when the run is still there after `deadline` seconds.
    """
    path = var / _LOCK
    if not path.exists():
        return "nothing runs here"
    holder = read_stamp(path)
    with path.open("a") as file:
        if not _take(file):
            if holder is not None:
                os.kill(holder.pid, signal.SIGTERM)
            until = time.monotonic() + deadline
            while not _take(file):
                if time.monotonic() > until:
                    raise Fatal("will_not_stop", f"the run in {var} is still there after {deadline:g} s")
                time.sleep(POLL)
            return "stopped"
        left = [pid for pid_file in sorted(var.glob(PID_FILES)) if (pid := end_stale(pid_file)) is not None]
    return f"ended {len(left)} left-over processes" if left else "nothing runs here"


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
