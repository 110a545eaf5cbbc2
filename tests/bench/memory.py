"""How much memory processes have over a while, seen twice a second by a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tests.bench.processes import resident_mb

_LOOK: Final = 0.5


class Memory:
    """Of processes by pid. What they grow by counts from `mark` on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.marked: Mapping[str, float] = {}
        self.most: Mapping[str, float] = {}
        self._pids = pids
        self._ended = threading.Event()

    def mark(self) -> None:
        """From here on."""
        self.marked = self.most = self._now()

    @property
    def growth(self) -> Mapping[str, float]:
        """By how many MB each was larger, at most, than when it was marked."""
        return {name: self.most[name] - mb for name, mb in self.marked.items()}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look while entered."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            now = self._now()
            if self.most:
                self.most = {name: max(self.most[name], mb) for name, mb in now.items()}

    def _now(self) -> Mapping[str, float]:
        return {name: resident_mb(pid) for name, pid in self._pids.items()}
