"""Try a seed; when it fails, find the smallest case that does and say how to keep it."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.fuzz import codecs
from tests.fuzz.case import Case, made
from tests.fuzz.playing import play
from tests.fuzz.shrinking import smallest

CASES: Final = Path(__file__).with_name("cases")
"""Cases that are played with every run of the tests, one file each: those that failed once, and some made by hand."""


class Failed(AssertionError):
    """A case that fails, reduced."""

    def __init__(self, seed: int, why: str, case: Case) -> None:
        self.octets = msgspec.json.encode(case)
        super().__init__(
            f"seed {seed}: {why}\nThe smallest case that fails like it; as a file in tests/fuzz/cases it is a test:\n"
            f"{self.octets.decode()}"
        )


def session(seed: int) -> None:
    """One session by chance. Raises Failed."""
    case = made(Random(seed))
    if why := problem(case):
        least = smallest(case, lambda smaller: _kind(problem(smaller)) == _kind(why))
        raise Failed(seed, why, least)


def codec(seed: int) -> None:
    """One damaged PDU and one stream by chance. Raises `watched.Broken`, which shows the octets."""
    codecs.attempt(Random(seed))


def problem(case: Case) -> str:
    """What a case does wrong; empty when all holds."""
    try:
        play(case)
    except Exception as error:  # whatever escapes is a finding
        return f"{type(error).__name__}: {error}"
    return ""


def _kind(why: str) -> str:
    """What two findings have in common: the words without numbers and octets."""
    return "".join(letter for letter in why[:80] if not letter.isdigit())
