"""What a machine must have before anything can be installed, and the command that mends what is missing.

Standard library only, and readable by any Python 3: it runs before there is anything else.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

OLDEST_PYTHON = (3, 11)
OLDEST_C_LIBRARY = (2, 35)
DISK_GB = 2.0
# What mongod is linked against beyond the C library, with the Debian and Ubuntu package of each.
LIBRARIES = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
}


@dataclass(frozen=True)
class Machine:
    """The facts that count. `c_library` is None where it is not glibc."""

    system: str
    processor: str
    python: tuple[int, int]
    has_venv: bool
    c_library: tuple[int, int] | None
    libraries: frozenset[str]
    free_gb: float


@dataclass(frozen=True)
class Missing:
    """One thing that is not there, and what to do about it."""

    what: str
    remedy: str


def look(root: Path) -> Machine:
    """The facts of this machine; `root` is where the checkout lies."""
    return Machine(
        system=platform.system(),
        processor=platform.machine(),
        python=sys.version_info[:2],
        has_venv=all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
        c_library=_glibc(),
        libraries=frozenset(name for name in LIBRARIES if _loads(name)),
        free_gb=shutil.disk_usage(root).free / 1e9,
    )


def missing(machine: Machine) -> list[Missing]:
    """Everything that stands in the way, at once."""
    return [*_platform(machine), *_python(machine), *_libraries(machine), *_disk(machine)]


def _platform(machine: Machine) -> list[Missing]:
    found = []
    if machine.system != "Linux" or machine.processor not in {"x86_64", "aarch64"}:
        found.append(
            Missing(
                f"Linux on x86-64 or 64-bit ARM (this is {machine.system} on {machine.processor})",
                "use such a machine, or a virtual one; deploy/compose runs elsewhere",
            )
        )
    elif machine.c_library is None or machine.c_library < OLDEST_C_LIBRARY:
        have = ".".join(map(str, machine.c_library)) if machine.c_library else "another"
        found.append(
            Missing(
                f"the GNU C library {'.'.join(map(str, OLDEST_C_LIBRARY))} or newer (here: {have})",
                "use Debian 12, Ubuntu 22.04 or newer",
            )
        )
    return found


def _python(machine: Machine) -> list[Missing]:
    version = ".".join(map(str, machine.python))
    if machine.python < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return [
            Missing(
                f"Python {oldest} or newer (this is {version})",
                f"sudo apt-get install -y python{oldest} python{oldest}-venv",
            )
        ]
    if not machine.has_venv:
        return [Missing(f"the venv module of Python {version}", f"sudo apt-get install -y python{version}-venv")]
    return []


def _libraries(machine: Machine) -> list[Missing]:
    if machine.system != "Linux":
        return []
    absent = [name for name in LIBRARIES if name not in machine.libraries]
    packages = sorted({LIBRARIES[name] for name in absent})
    if not absent:
        return []
    return [Missing(f"{', '.join(absent)} (for MongoDB)", f"sudo apt-get install -y {' '.join(packages)}")]


def _disk(machine: Machine) -> list[Missing]:
    if machine.free_gb >= DISK_GB:
        return []
    return [Missing(f"{DISK_GB:g} GB of free disk (here: {machine.free_gb:.1f} GB)", "free some space")]


def _glibc() -> tuple[int, int] | None:
    """From `glibc 2.36`; None where the system knows no such name."""
    try:
        words = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
        major, minor = words[1].split(".")[:2]
        return int(major), int(minor)
    except (AttributeError, OSError, ValueError, IndexError):
        return None


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
