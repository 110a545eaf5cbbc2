"""Addresses and ranges of addresses, entered from-to, both ends included (R-102). IPv4 and IPv6. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

import msgspec

from shared.errors import Refused

Address: TypeAlias = IPv4Address | IPv6Address


class AddressCode(StrEnum):
    """What may be wrong with a range."""

    INVALID_ADDRESS = "invalid_address"
    MIXED_FAMILIES = "mixed_families"
    RANGE_REVERSED = "range_reversed"


class IpRange(msgspec.Struct, frozen=True):
    """From `first` to `last`, both in canonical form and of one family."""

    first: str
    last: str


class BadAddress(Refused):
    """`field` tells which end is wrong: `from` or `to`."""

    def __init__(self, field: str, code: AddressCode, detail: str) -> None:
        super().__init__(code, detail)
        self.field = field


def read(text: str) -> Address | None:
    """The address that a text stands for, or None. An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def make_range(first: str, last: str) -> IpRange:
    """A range. Raises `BadAddress`."""
    low, high = read(first), read(last)
    if low is None:
        raise BadAddress("from", AddressCode.INVALID_ADDRESS, "is no IPv4 or IPv6 address")
    if high is None:
        raise BadAddress("to", AddressCode.INVALID_ADDRESS, "is no IPv4 or IPv6 address")
    if low.version != high.version:
        raise BadAddress("to", AddressCode.MIXED_FAMILIES, "both ends must be IPv4, or both IPv6")
    if int(high) < int(low):
        raise BadAddress("to", AddressCode.RANGE_REVERSED, "is lower than the beginning of the range")
    return IpRange(str(low), str(high))


def within(ranges: Sequence[IpRange], text: str | None) -> bool:
    """Whether an address lies in one of the ranges; one that cannot be read, or is not known, lies in none."""
    address = read(text) if text is not None else None
    if address is None:
        return False
    for one in ranges:
        low, high = ip_address(one.first), ip_address(one.last)
        if low.version == address.version and int(low) <= int(address) <= int(high):
            return True
    return False


def network(text: str) -> str:
    """What stands for one caller when callers are counted: an IPv4 address, or the /64 of an IPv6 address."""
    address = read(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)
