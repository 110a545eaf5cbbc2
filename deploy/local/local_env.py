"""`var/local.env`: what other programs need to talk to a run. It exists exactly while the run is ready."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from deploy.local.private_files import write_private
from shared.errors import Fatal

_SHELL_CHARACTERS = frozenset(" \t'\"\\$`&;|<>()*#~")


def write(path: Path, values: Mapping[str, str]) -> None:
    """Plain `KEY=VALUE` lines in one step (mode 600); a value is quoted only where a shell would take it apart."""
    write_private(path, "".join(f"{name}={_shell(value)}\n" for name, value in values.items()))


def read(path: Path) -> dict[str, str]:
    """What a run wrote. Raises Fatal `not_running` when nothing is ready."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise Fatal("not_running", f"{path} is not there: start the system first, with make run") from None
    return dict(word.split("=", 1) for word in shlex.split(text))


def remove(path: Path) -> None:
    """The run is no longer ready."""
    path.unlink(missing_ok=True)


def _shell(value: str) -> str:
    if not _SHELL_CHARACTERS & set(value):
        return value
    return "'" + value.replace("'", "'\\''") + "'"
