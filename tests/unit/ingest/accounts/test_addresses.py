"""Ranges of addresses: from-to, both ends in, IPv4 and IPv6; and who is the caller behind proxies."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.ingest.accounts.addresses import BadAddress, IpRange, make_range, network, within
from services.ingest.api.proxies import caller, networks
from shared.errors import BadSettings

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("first", "last", "inside", "outside"),
    [
        ("192.0.2.5", "192.0.2.5", ["192.0.2.5", "::ffff:192.0.2.5"], ["192.0.2.4", "192.0.2.6", "::1"]),
        ("192.0.2.5", "192.0.3.4", ["192.0.2.5", "192.0.2.255", "192.0.3.4"], ["192.0.2.4", "192.0.3.5"]),
        ("0.0.0.0", "255.255.255.255", ["0.0.0.0", "8.8.8.8"], ["::", "2001:db8::1"]),
        ("2001:db8::", "2001:db8::ff", ["2001:db8::", "2001:DB8:0:0::FF"], ["2001:db8::100", "192.0.2.1"]),
        ("::ffff:192.0.2.1", "192.0.2.9", ["192.0.2.3"], ["::ffff:192.0.2.10"]),
    ],
)
def test_both_ends_are_in_the_range_and_their_neighbours_are_not(
    first: str, last: str, inside: list[str], outside: list[str]
) -> None:
    ranges = [make_range(first, last)]
    assert [address for address in inside if not within(ranges, address)] == []
    assert [address for address in outside if within(ranges, address)] == []


@pytest.mark.parametrize("address", [None, "", "localhost", "192.0.2", "192.0.2.1 ", "fe80::1%eth0", "192.000.002.001"])
def test_what_is_no_address_lies_in_no_range(address: str | None) -> None:
    everything = [make_range("0.0.0.0", "255.255.255.255"), make_range("::", "ffff:" * 7 + "ffff")]
    assert not within(everything, address)


@pytest.mark.parametrize(
    ("first", "last", "field", "code"),
    [
        ("", "192.0.2.1", "from", "invalid_address"),
        ("192.0.2.1", "192.0.2.300", "to", "invalid_address"),
        ("192.0.2.0/24", "192.0.2.1", "from", "invalid_address"),
        ("192.0.2.1", "::1", "to", "mixed_families"),
        ("192.0.2.2", "192.0.2.1", "to", "range_reversed"),
    ],
)
def test_a_range_that_is_none_names_the_end_that_is_wrong(first: str, last: str, field: str, code: str) -> None:
    with pytest.raises(BadAddress) as error:
        make_range(first, last)
    assert (error.value.field, error.value.code) == (field, code)


@given(some.ip_addresses(), some.ip_addresses(), some.ip_addresses())
def test_a_range_holds_what_lies_between_its_ends(first: object, last: object, other: object) -> None:
    low, high, address = (ip_address(str(one)) for one in (first, last, other))
    if getattr(low, "ipv4_mapped", None) or getattr(high, "ipv4_mapped", None) or getattr(address, "ipv4_mapped", None):
        return
    try:
        ranges = [make_range(str(low), str(high))]
    except BadAddress:
        assert low.version != high.version or int(high) < int(low)
        return
    expected = address.version == low.version and int(low) <= int(address) <= int(high)
    assert within(ranges, str(address)) is expected


def test_a_range_is_kept_in_canonical_form() -> None:
    assert make_range("2001:DB8:0::1", "2001:db8::00ff") == IpRange("2001:db8::1", "2001:db8::ff")


def test_an_ipv6_caller_is_its_network() -> None:
    assert network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2::") == "2001:db8:1:2::"
    assert network("::ffff:192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.66, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.66, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
    ],
)
def test_of_forwarded_addresses_only_what_our_own_proxies_wrote_counts(
    peer: str, forwarded: str, expected: str
) -> None:
    assert caller(peer, forwarded.split(","), PROXIES) == expected


def test_proxies_are_addresses_and_networks() -> None:
    assert networks("10.0.0.1, fd00::/8,") == (ip_network("10.0.0.1/32"), ip_network("fd00::/8"))
    with pytest.raises(BadSettings, match="BUDSTIKKE_TRUSTED_PROXIES"):
        networks("proxy.example")
