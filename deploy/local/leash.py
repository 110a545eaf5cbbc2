"""Become a command that dies with its parent: `python leash.py <parent's pid> <command> …`.

A program of its own, because the kernel forgets the wish at fork and code between fork and exec is unsafe beside
threads. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main(parent: int, command: list[str]) -> None:
    """Ask the kernel for SIGKILL at the parent's death, then become the command."""
    failed = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if failed or os.getppid() != parent:  # the parent may have died before the kernel was told
        sys.exit(127)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
