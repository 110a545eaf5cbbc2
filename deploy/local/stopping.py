"""SIGINT, SIGTERM and SIGHUP as one exception, raised once in the main thread."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked(BaseException):
    """Somebody wants the run to end. Not an error."""


class StopSignals:
    """While entered, the first signal raises `StopAsked`; later ones, and all after `hush`, change nothing."""

    def __init__(self) -> None:
        self._hushed = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        self._before = {number: signal.signal(number, self._on_signal) for number in _NUMBERS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hush(self) -> None:
        """From here on things are being stopped: let nothing interrupt that."""
        self._hushed = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._hushed:
            self._hushed = True
            raise StopAsked
