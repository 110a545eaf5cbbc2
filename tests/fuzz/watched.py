"""What a session was given and gave, read independently of it, and what must hold between the two."""

from __future__ import annotations

from collections import Counter

from shared.smpp.constants import (
    ALERT_NOTIFICATION,
    ESME_RINVCMDID,
    GENERIC_NACK,
    HEADER_LENGTH,
    MAX_PDU_LENGTH,
    OUTBIND,
    RESPONSE_BIT,
)
from shared.smpp.framing import Frame
from shared.smpp.results import Refused, Result, Unknown

_NOBODY_ANSWERS = (OUTBIND, ALERT_NOTIFICATION)


class Broken(AssertionError):
    """Something does not hold that must."""


class Reader:
    """Cuts octets into frames in the plainest way; `rest` is the beginning of a frame that is not whole."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.rest = b""
        self.broken = False

    def read(self, octets: bytes) -> list[Frame]:
        """The frames that became whole."""
        self.rest += octets
        before = len(self.frames)
        at = 0
        while not self.broken and len(self.rest) - at >= 4:
            length = int.from_bytes(self.rest[at : at + 4], "big")
            if length < HEADER_LENGTH or length > MAX_PDU_LENGTH:
                self.broken = True
            elif len(self.rest) - at < length:
                break
            else:
                header = [int.from_bytes(self.rest[at + place : at + place + 4], "big") for place in (4, 8, 12)]
                self.frames.append((header[0], header[1], header[2], self.rest[at + HEADER_LENGTH : at + length]))
                at += length
        self.rest = self.rest[at:]
        return self.frames[before:]

    def missing(self) -> int:
        """How many octets the frame that was begun still lacks, as far as can be told; 0 between frames."""
        if not self.rest or self.broken:
            return 0
        if len(self.rest) < 4:
            return 4 - len(self.rest)
        return int.from_bytes(self.rest[:4], "big") - len(self.rest)


class Watched:
    """Everything that went over the line."""

    def __init__(self) -> None:
        self.given = Reader()
        self.taken = Reader()
        self._asked: Counter[tuple[int, int]] = Counter()
        self._open: Counter[int] = Counter()
        self._optional: Counter[int] = Counter()
        self._answers: dict[int, list[tuple[int, int]]] = {}

    def give(self, octets: bytes) -> None:
        """The session is about to read these octets of the peer's."""
        for command_id, status, sequence, _ in self.given.read(octets):
            if command_id & RESPONSE_BIT:
                self._answers.setdefault(sequence, []).append((command_id, status))
                continue
            self._open[sequence] += 1
            if command_id in _NOBODY_ANSWERS:  # but a `generic_nack` may say that it is not known here
                self._optional[sequence] += 1
            else:
                self._asked[command_id, sequence] += 1

    def take(self, octets: bytes) -> None:
        """The session wrote these octets. Raises Broken for what is no PDU, and for an answer that nobody asked for.

        A `generic_nack` does not say which command it answers, so it counts for the sequence number alone.
        """
        for command_id, _, sequence, _ in self.taken.read(octets):
            if not command_id & RESPONSE_BIT:
                continue
            self._open[sequence] -= 1
            if command_id != GENERIC_NACK:
                self._asked[command_id ^ RESPONSE_BIT, sequence] -= 1
            if self._open[sequence] < 0 or self._asked[command_id ^ RESPONSE_BIT, sequence] < 0:
                raise Broken(f"an answer {command_id:#x} to {sequence}: asked never, or answered twice")
        if self.taken.broken or self.taken.rest:
            raise Broken("what the session wrote are no whole PDUs")

    def unanswered(self) -> list[int]:
        """Sequence numbers under which the peer asked more than was answered."""
        return [sequence for sequence, count in self._open.items() if count > self._optional[sequence]]

    def requests(self, command_id: int) -> list[int]:
        """Sequence numbers of the session's own requests of this kind, in order."""
        return [sequence for command, _, sequence, _ in self.taken.frames if command == command_id]

    def explains(self, request_id: int, sequence: int, result: Result) -> bool:
        """Whether the peer said what the session made of it."""
        if isinstance(result, Unknown):
            return True
        for command_id, status in self._answers.get(sequence, ()):
            nacked = command_id == GENERIC_NACK
            if command_id != request_id | RESPONSE_BIT and not nacked:
                continue
            if isinstance(result, Refused):
                if result.status == (status or ESME_RINVCMDID if nacked else status):
                    return True
            elif not status and not nacked:
                return True
        return False
