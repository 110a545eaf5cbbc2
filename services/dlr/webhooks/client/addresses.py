"""Which addresses a customer's host may have: a webhook must not reach what only our own network can reach.

Source: the IANA special-purpose address registries (RFC 6890), and where the clouds keep their metadata.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

_METADATA: Final = frozenset(
    {
        IPv4Address("169.254.169.254"),  # nearly everybody
        IPv4Address("168.63.129.16"),  # Azure, in the middle of public space
        IPv4Address("100.100.100.200"),  # Alibaba
        IPv4Address("192.0.0.192"),  # Oracle
        IPv6Address("fd00:ec2::254"),  # AWS
        IPv6Address("fd20:ce::254"),  # Google
    }
)
_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_TUNNELS: Final = (
    IPv6Network("2001::/23"),  # Teredo and other protocol assignments
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),  # documentation
)
_NOT_PUBLIC_V4: Final = (
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
)
_PRIVATE: Final = (
    IPv4Network("127.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
)
"""What a setting may open, for local runs; link-local, multicast, CGNAT and metadata stay closed."""


def may_reach(text: str, *, private: bool = False) -> bool:
    """Whether a resolved address may be connected to. What is no plain address may not; a scoped one is not plain."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _NAT64:
            address = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _METADATA:
        return False
    if private and any(address in network for network in _PRIVATE if network.version == address.version):
        return True
    return _is_public(address)


def _is_public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _UNICAST and not any(address in network for network in _TUNNELS)
