"""A record batch of format 2 (KIP-98), read as a broker reads it: for those that the library cannot read.

A broker takes from a producer what its own parser can read, and that is more than what the library's can: names of
headers that are not UTF-8, integers with more bits than their type has, any octet where a record's attributes stand.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

import msgspec
from aiokafka.record.util import calc_crc32c

from shared.kafka.record import Headers, Record, TopicPartition

_HEAD: Final = Struct(">qiibIhiqqqhii")
_LENGTH: Final = Struct(">i")
_LENGTH_AT, _LENGTH_BEHIND, _CHECKED = 8, 12, 21
_CODEC, _BROKERS_TIME = 0x07, 0x08


class Batch(msgspec.Struct, frozen=True, gc=False):
    """One batch as it lies on a partition. `behind` is the offset after its last."""

    octets: bytes
    base: int
    behind: int
    attributes: int
    first_time: int
    last_time: int
    count: int

    def records(self, place: TopicPartition) -> list[Record]:
        """Its records, with U+FFFD for what is not UTF-8 in the names of headers.

        Of a batch from which nothing was compacted they are numbered in order, whatever offsets a producer gave them.
        Raises ValueError or IndexError for what a broker would not have taken, and for what is compressed.
        """
        if self.attributes & _CODEC:
            raise ValueError("it is compressed")
        whole = self.count == self.behind - self.base
        cursor, records = _Cursor(self.octets, _HEAD.size), list[Record]()
        for index in range(self.count):
            size = cursor.integer(32)
            end = cursor.at + size
            cursor.at += 1  # attributes, which nobody uses
            later = cursor.integer(64)
            delta = cursor.integer(32)
            timestamp = self.last_time if self.attributes & _BROKERS_TIME else self.first_time + later
            offset = self.base + (index if whole else delta)
            key, value = cursor.some(), cursor.some()
            records.append(Record(place.topic, place.partition, offset, timestamp, key, value, cursor.headers()))
            if cursor.at != end:
                raise ValueError("a record is not as long as it says")
        if cursor.at != len(self.octets):
            raise ValueError("there are fewer records than octets")
        return records


def first_batch(octets: bytes) -> Batch | None:
    """The first of what a fetch brought. None where it is cut off, of another format, or not as its checksum says."""
    if len(octets) < _HEAD.size:
        return None
    whole = octets[: _LENGTH_BEHIND + _LENGTH.unpack_from(octets, _LENGTH_AT)[0]]
    if len(octets) < len(whole) or len(whole) < _HEAD.size:
        return None
    base, length, _, magic, checksum, attributes, last, first_time, last_time, *_, count = _HEAD.unpack_from(whole)
    if magic != 2 or len(whole) != _LENGTH_BEHIND + length or checksum != calc_crc32c(whole[_CHECKED:]):
        return None
    return Batch(whole, base, base + last + 1, attributes, first_time, last_time, count)


class _Cursor:
    """Reads a batch from a place on."""

    def __init__(self, octets: bytes, at: int) -> None:
        self._octets = octets
        self.at = at

    def integer(self, bits: int) -> int:
        """A zigzag integer of so many bits; a broker drops those beyond."""
        result = 0
        for shift in range(0, bits, 7):
            octet = self._octets[self.at]
            self.at += 1
            result |= (octet & 0x7F) << shift
            if octet < 0x80:
                result &= (1 << bits) - 1
                return (result >> 1) ^ -(result & 1)
        raise ValueError("an integer has no end")

    def some(self) -> bytes | None:
        """Octets behind their number; below 0 there are none."""
        size = self.integer(32)
        return None if size < 0 else self._next(size)

    def headers(self) -> Headers:
        """All of one record."""
        return tuple(
            (self._next(self.integer(32)).decode("utf-8", "replace"), self.some()) for _ in range(self.integer(32))
        )

    def _next(self, size: int) -> bytes:
        begin, end = self.at, self.at + size
        if size < 0 or end > len(self._octets):
            raise ValueError("a length that cannot be")
        self.at = end
        return self._octets[begin:end]
