"""Which record ended the process, and how often: remembered in the note of the group's offset."""

from __future__ import annotations

import re

import msgspec

_NOTE = re.compile(r"suspect=(\d+);strikes=(\d+)")


class Suspicion(msgspec.Struct, frozen=True):
    """The record at `offset` ended the process `strikes` times; with none yet, it is it or one before it.

    It travels with the group's committed offset until that has passed the record, so it survives the process, moves
    with the partition, and needs no store of its own.
    """

    offset: int
    strikes: int

    @property
    def note(self) -> str:
        """As it is kept."""
        return f"suspect={self.offset};strikes={self.strikes}"


def read_note(note: str) -> Suspicion | None:
    """The suspicion in an offset's note, if it is one."""
    found = _NOTE.fullmatch(note)
    return Suspicion(int(found[1]), int(found[2])) if found else None
