"""An event loop on which time passes only when everybody waits: an hour takes milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from datetime import datetime, timedelta
from typing import Any

from tests.unit.dispatch.building import START


class VirtualLoop(asyncio.SelectorEventLoop):
    """Instead of waiting for a timer it puts the time forward. Nothing may wait for a socket."""

    def __init__(self) -> None:
        self.passed = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.passed


class VirtualClock:
    """The loop's time, as a `Clock`."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.passed)

    def monotonic(self) -> float:
        return self._loop.passed


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("everybody waits, and for no time")
        self._loop.passed += max(timeout, 0.0)
        return super().select(0)
