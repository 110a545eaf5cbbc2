"""Exit codes of the command: stable, and part of `--help`."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a script that calls the command learns."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    PARTLY_REFUSED = 4
    NOT_DELIVERED = 5


HELP = """\b
Exit codes:
  0  done
  1  the gateway refused the request
  2  wrong usage, or address or key of the gateway not set
  3  no usable answer from the gateway; the message says whether a repeat is safe
  4  some recipients were refused, the others were taken
  5  waited, and not delivered: another final state, or none in time
"""


class Failure(Exception):
    """Ends the command: what to say on standard error (empty for nothing), and the exit code."""

    def __init__(self, exit_code: Exit, text: str = "") -> None:
        super().__init__(text)
        self.exit_code = exit_code
        self.text = text
