"""A small file system of its own, which can be filled to the last octet: in memory, and for root alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

_CHUNK: Final = bytes(1 << 20)


class SmallDisk:
    """`folder` is an ordinary folder until `mount`, and after it where nothing can be mounted; `why_not` says why."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self.why_not = "not mounted"
        self._megabytes = megabytes

    def mount(self) -> None:
        """Make it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            self.why_not = "only root may mount a file system"
            return
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "tmpfs", str(self.folder)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        self.why_not = made.stderr.strip()

    def unmount(self) -> None:
        """Take it away, with all that is on it."""
        if not self.why_not:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("ab", buffering=0) as filler:
            try:
                while filler.write(_CHUNK):
                    pass
            except OSError:
                return

    def make_room(self) -> None:
        """Give it all back."""
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"
