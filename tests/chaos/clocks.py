"""A wall clock that leaps for one process alone: by libfaketime, where that is installed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PLACES: Final = (Path("/usr/lib"), "*/faketime/libfaketimeMT.so.1")
_SAID: Final = "LIBFAKETIME"
"""Names the library where it is elsewhere."""


class Clock:
    """What one process takes for the time, told by a file that it looks at once a second."""

    def __init__(self, file: Path, library: Path) -> None:
        self._file = file
        self._library = library
        self.leap(0.0)

    @property
    def environment(self) -> Mapping[str, str]:
        """For the process. Its monotonic clock stays true: no machine's leaps."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def rules(self, pid: int | None) -> bool:
        """Whether the process takes its time from here."""
        return str(self._library.resolve()) in Path(f"/proc/{pid}/maps").read_text()

    def leap(self, hours: float) -> None:
        """So far from the true time, from its next look on."""
        further = self._file.with_suffix(".new")
        further.write_text(f"{hours * 3600:+.0f}\n")
        further.replace(self._file)


class Clocks:
    """Makes them, or says why not."""

    def __init__(self) -> None:
        said = os.environ.get(_SAID)
        folder, pattern = _PLACES
        self._library = Path(said) if said else next(iter(sorted(folder.glob(pattern))), None)
        self.why_not = "" if self._library and self._library.exists() else "libfaketime is not installed"

    def clock(self, file: Path) -> Clock:
        """One that is told by this file."""
        assert self._library is not None
        return Clock(file, self._library)
