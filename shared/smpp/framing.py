"""Cut a stream of octets into PDUs (SMPP 3.4, 3.2; limits by rule 3)."""

from __future__ import annotations

from typing import TypeAlias

from shared.smpp.codec.wire import HEADER
from shared.smpp.constants import HEADER_LENGTH, MAX_PDU_LENGTH

Frame: TypeAlias = tuple[int, int, int, bytes]
"""command_id, command_status, sequence_number, body."""


class Framer:
    """Collects octets and gives whole frames. Holds at most one PDU's worth of octets between two calls.

    A length under 16 or over `max_length` sets `broken`: the stream cannot be followed any more and nothing after it
    is read. The length alone decides, before any octet of the body has come.
    """

    def __init__(self, max_length: int = MAX_PDU_LENGTH) -> None:
        self.broken = False
        self._max_length = max_length
        self._rest = bytearray()
        self._wanted = 4

    def feed(self, octets: bytes) -> list[Frame]:
        """The frames that are whole now, in order. Frames before a broken length are still given."""
        if self._rest:
            self._rest += octets
            if len(self._rest) < self._wanted:
                return []
            octets = bytes(self._rest)
            self._rest.clear()
        frames: list[Frame] = []
        start, end = 0, len(octets)
        while not self.broken and end - start >= 4:
            length = int.from_bytes(octets[start : start + 4])
            if not HEADER_LENGTH <= length <= self._max_length:
                self.broken = True
                return frames
            stop = start + length
            if stop > end:
                self._wanted = length
                break
            _, command_id, status, sequence = HEADER.unpack_from(octets, start)
            frames.append((command_id, status, sequence, octets[start + HEADER_LENGTH : stop]))
            start = stop
        else:
            self._wanted = 4
        if start < end:
            self._rest += octets[start:]
        return frames
