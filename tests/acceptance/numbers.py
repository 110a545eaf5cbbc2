"""Telephone numbers for tests, each given out once, so that what the simulators took can be told apart."""

from __future__ import annotations

from itertools import count


class Numbers:
    """Norwegian mobile numbers go to `fjord`, Swedish ones to `tinde`."""

    def __init__(self) -> None:
        self._norwegian = count(91_000_000)
        self._swedish = count(1_740_605)

    def norwegian(self) -> str:
        """A number that nobody else got."""
        return f"+47{next(self._norwegian)}"

    def swedish(self) -> str:
        """The same abroad."""
        return f"+4670{next(self._swedish)}"
