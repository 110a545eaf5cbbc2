"""Starts parts, waits for them, watches them, stops them in reverse."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from deploy.local.process import Process
from deploy.local.terminal import Terminal
from shared.errors import Fatal

_GLANCE = 0.1  # seconds between two looks at all parts


class Part(Protocol):
    """A process with a way to tell that it works."""

    process: Process

    def start(self) -> None:
        """Start it, without waiting."""
        ...

    def ready(self) -> bool:
        """Whether it does its work now; never blocks for more than two seconds."""
        ...

    def stop(self, deadline: float) -> None:
        """Let it finish; kill it after `deadline` seconds."""
        ...


class Supervisor:
    """The parts of one run. Whatever ends without having been asked to is an error, never restarted behind one's back.

    Start parts from the thread that lives longest: they die with it (`leash.py`).
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._parts: list[Part] = []

    def start(self, parts: Sequence[Part], deadline: float) -> None:
        """Start parts side by side and wait until all are ready.

        Raises Fatal `not_ready` after `deadline` seconds and `process_ended` as soon as any part, of these or of those
        started before, has ended; both come with the last lines of the log.
        """
        began = time.monotonic()
        for part in parts:
            self._parts.append(part)
            part.start()
        waiting = list(parts)
        while waiting:
            self._terminal.waiting([part.process.name for part in waiting])
            self.check()
            for part in [part for part in waiting if part.ready()]:
                waiting.remove(part)
                self._terminal.done(part.process.name, f"ready after {time.monotonic() - began:.1f} s")
            if waiting and time.monotonic() - began > deadline:
                last_words = "\n".join(part.process.last_words() for part in waiting)
                names = ", ".join(part.process.name for part in waiting)
                raise Fatal("not_ready", f"not ready after {deadline:g} s: {names}\n{last_words}")
            if waiting:
                time.sleep(_GLANCE)

    def check(self) -> None:
        """Raise Fatal `process_ended` when a part has ended."""
        for part in self._parts:
            if part.process.exit_code is not None:
                raise Fatal("process_ended", part.process.obituary())

    def watch(self) -> None:
        """Check for ever; ends by raising, or by the exception of a signal handler."""
        while True:
            self.check()
            time.sleep(_GLANCE)

    def stop(self, deadline: float) -> None:
        """Stop all parts in reverse order, each within `deadline` seconds; a repeat is nothing."""
        if self._parts:
            self._terminal.title("Stopping")
        while self._parts:
            part = self._parts[-1]
            was_running = part.process.running
            self._terminal.waiting([f"stopping {part.process.name}"])
            began = time.monotonic()
            part.stop(deadline)
            self._parts.pop()
            if was_running:
                self._terminal.done(part.process.name, f"stopped in {time.monotonic() - began:.1f} s")
