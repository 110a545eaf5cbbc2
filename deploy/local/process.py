"""One child process: started so that it cannot outlive us, found again when it did, stopped within a deadline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from shared.errors import Fatal

POLL = 0.02  # seconds between two looks at a condition that nothing announces
_LEASH = Path(__file__).with_name("leash.py")


class Stamp(msgspec.Struct, frozen=True):
    """Which process a pid file means. `started` is in clock ticks since boot: a pid alone is used again."""

    pid: int
    started: int


class Process:
    """A command, its log and its pid file.

    The kernel kills the child when the *thread* that called `start` ends (`leash.py`), so start from one that lives
    as long as the child shall. The child leads its own process group: Ctrl-C reaches the parent alone.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        pid_file: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = tuple(command)
        self._pid_file = pid_file
        self._environment = dict(environment) if environment is not None else None
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The child's pid once started."""
        return self._child.pid if self._child else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or before it was started; negative: the signal that ended it."""
        return self._child.poll() if self._child else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def end_stale(self) -> None:
        """End what an earlier run left behind under the same pid file."""
        end_stale(self._pid_file)

    def start(self) -> None:
        """Start the command, after what an earlier run may have left behind has ended."""
        self.end_stale()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("wb") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._folder,
                process_group=0,
            )
        started = start_time(self._child.pid)
        if started is not None:
            self._pid_file.write_bytes(msgspec.json.encode(Stamp(self._child.pid, started)))

    def signal_stop(self) -> None:
        """Ask it to end (SIGTERM), without waiting."""
        if self.running and self._child:
            self._child.terminate()

    def stop(self, deadline: float) -> None:
        """Ask, wait at most `deadline` seconds, then kill. Repeats do nothing."""
        self.signal_stop()
        if self._child:
            try:
                self._child.wait(deadline)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        if self._child:
            self._child.kill()
            self._child.wait()
        self._pid_file.unlink(missing_ok=True)

    def wait_ready(self, ready: Callable[[], bool], deadline: float) -> None:
        """Poll `ready` until it holds.

        Raises Fatal `not_ready` after `deadline` seconds, or as soon as the process has ended; the detail ends with
        the last lines of its log.
        """
        until = time.monotonic() + deadline
        while not ready():
            if self.exit_code is not None:
                raise Fatal("not_ready", self.obituary())
            if time.monotonic() > until:
                raise Fatal("not_ready", f"{self.name} was not ready after {deadline:g} s\n{self.last_words()}")
            time.sleep(POLL)

    def obituary(self) -> str:
        """How it ended, with the last lines of its log."""
        code = self.exit_code or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{self.name} {how}\n{self.last_words()}"

    def last_words(self, lines: int = 15) -> str:
        """The last lines of the log, indented, under its path."""
        with self.log.open(errors="replace") as text:
            tail = deque(text, maxlen=lines)
        return "\n".join([f"  {self.log}:", *(f"  | {line.rstrip()}" for line in tail)])


def start_time(pid: int) -> int | None:
    """Start of a process in clock ticks since boot (proc(5), field 22 of stat); None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def read_stamp(pid_file: Path) -> Stamp | None:
    """The live process a pid file means; None when there is no file, it is unreadable, or the process is another."""
    try:
        stamp = msgspec.json.decode(pid_file.read_bytes(), type=Stamp)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return stamp if start_time(stamp.pid) == stamp.started else None


def end_stale(pid_file: Path, deadline: float = 10.0) -> int | None:
    """End the process that a pid file means, if it still runs; its pid, or None when there was nothing to end."""
    stamp = read_stamp(pid_file)
    if stamp is not None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(stamp.pid, number)
            except ProcessLookupError:
                break
            if _gone(stamp, deadline):
                break
    pid_file.unlink(missing_ok=True)
    return stamp.pid if stamp else None


def _gone(stamp: Stamp, deadline: float) -> bool:
    until = time.monotonic() + deadline
    while start_time(stamp.pid) == stamp.started:
        if time.monotonic() > until:
            return False
        time.sleep(POLL)
    return True
