"""Files for secrets that are shown once: the place is made sure of before the secret is asked for."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cli.exits import Exit, Failure

_MODE: Final = 0o600


@contextmanager
def kept_in(path: Path) -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Gives what writes `KEY=value` lines into the file, whole or not at all, readable by its owner alone.

    A file that is there stays as it is until then. Raises `Failure` (usage) where it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "is a directory")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    except OSError as error:
        raise Failure(Exit.USAGE, f"the file {path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:

            def write(values: Mapping[str, str]) -> None:
                file.write("".join(f"{name}={value}\n" for name, value in values.items()))
                file.flush()
                os.fsync(file.fileno())
                draft.replace(path)

            yield write
    finally:
        draft.unlink(missing_ok=True)
