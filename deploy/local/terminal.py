"""What a person sees: plain lines in a log, colour and one live line on a terminal.

Standard library only, and readable by any Python 3: setting up speaks through it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TextIO

_CLEAR_LINE = "\r\x1b[2K"
_RESET = "\x1b[0m"
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PATIENCE = 10.0  # seconds of silence after which a wait gets a line where nothing can be redrawn


class Style(Enum):
    """ANSI sequences by what they mean here."""

    GOOD = "\x1b[32m"
    BAD = "\x1b[31m"
    DIM = "\x1b[2m"
    STRONG = "\x1b[1m"
    NAME = "\x1b[36m"


class Terminal:
    """Writes lines, and one live line below them where the stream is a terminal.

    Colour only on a terminal, and not where NO_COLOR is set or TERM is `dumb`.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stdout
        given = os.environ if environment is None else environment
        self._live = self._stream.isatty() and given.get("TERM") != "dumb"
        self._colour = self._live and not given.get("NO_COLOR")
        self._clock = clock
        self._said = clock()  # when the last lasting line was written

    def paint(self, text: str, style: Style) -> str:
        """The text in a style, or bare where there is no colour."""
        return f"{style.value}{text}{_RESET}" if self._colour else text

    def line(self, text: str = "") -> None:
        """Write a line; it replaces the live one."""
        self._said = self._clock()
        self._write(f"{text}\n")

    def title(self, text: str) -> None:
        """Begin a section."""
        self.line()
        self.line(self.paint(text, Style.STRONG))

    def done(self, name: str, text: str) -> None:
        """One step that went well."""
        self.line(f"  {self.paint('✓', Style.GOOD)} {self.paint(f'{name:<18}', Style.NAME)} {text}")

    def failed(self, text: str) -> None:
        """What went wrong, on one line or several."""
        first, *rest = text.splitlines() or [""]
        self.line(f"  {self.paint('✗', Style.BAD)} {first}")
        for extra in rest:
            self.line(f"    {extra}")

    def waiting(self, what: Sequence[str]) -> None:
        """Show what is being waited for: redrawn on a terminal, else named after every ten seconds of silence."""
        text = ", ".join(what)
        now = self._clock()
        seconds = f"{now - self._said:.0f} s"
        if self._live:
            frame = _FRAMES[int(now * 10) % len(_FRAMES)]
            self._write(f"  {self.paint(frame, Style.NAME)} {text} {self.paint(seconds, Style.DIM)}")
        elif now - self._said >= _PATIENCE:
            self.line(f"  … {text}")

    def _write(self, text: str) -> None:
        self._stream.write(f"{_CLEAR_LINE if self._live else ''}{text}")
        self._stream.flush()
