"""Programs that come inside wheels."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from shared.errors import Fatal


def executable(distribution: str, name: str) -> Path:
    """Path of a program that an installed distribution holds.

    Raises Fatal `not_installed` when the distribution is absent or holds no such program for this machine.
    """
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == name:
            return Path(str(file.locate()))
    raise Fatal("not_installed", f"{name} is not installed here ({distribution}); `make setup` installs it")
