"""Exit codes of the command: stable, and part of `--help`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from shared.explanations import Explanation


class Exit(IntEnum):
    """What a script that calls the command learns."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    PARTLY_REFUSED = 4
    NOT_DELIVERED = 5
    DIFFERENCES = 6


EXITS: Final[Mapping[Exit, Explanation]] = {
    Exit.OK: Explanation("done", "Nothing to do."),
    Exit.REFUSED: Explanation(
        "the gateway refused the request", "Look up the code that it printed, correct the request."
    ),
    Exit.USAGE: Explanation(
        "wrong usage, or address or key of the gateway not set", "See `--help`; set what the message names."
    ),
    Exit.UNREACHABLE: Explanation(
        "no usable answer from the gateway; the message says whether a repeat is safe",
        "Check the address and that the gateway runs; repeat if the message says so.",
    ),
    Exit.PARTLY_REFUSED: Explanation(
        "some recipients were refused, the others were taken",
        "Correct the refused ones and send to those alone.",
    ),
    Exit.NOT_DELIVERED: Explanation(
        "waited, and not delivered: another final state, or none in time",
        "`budstikke status ID` tells the state and its reason; `--for` waits longer.",
    ),
    Exit.DIFFERENCES: Explanation(
        "compared, and the two sides differ", "Look at each transaction that it names; nothing was changed."
    ),
}
"""What each code means, and what to do."""

HELP = "\n".join(["\b", "Exit codes:", *(f"  {exit_code}  {EXITS[exit_code].cause}" for exit_code in Exit), ""])


class Failure(Exception):
    """Ends the command: what to say on standard error (empty for nothing), and the exit code."""

    def __init__(self, exit_code: Exit, text: str = "") -> None:
        super().__init__(text)
        self.exit_code = exit_code
        self.text = text
