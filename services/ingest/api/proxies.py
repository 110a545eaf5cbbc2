"""The caller's address behind proxies of ours: `X-Forwarded-For` is believed from the right, as far as we know them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from services.ingest.accounts.addresses import read
from shared.errors import BadSettings

Network: TypeAlias = IPv4Network | IPv6Network

_HEADER: Final = b"x-forwarded-for"


def networks(setting: str) -> tuple[Network, ...]:
    """Addresses and networks with commas between. Raises `BadSettings`."""
    try:
        return tuple(ip_network(part.strip()) for part in setting.split(",") if part.strip())
    except ValueError:
        raise BadSettings(
            "bad_settings", "BUDSTIKKE_TRUSTED_PROXIES: must be addresses or networks with commas between"
        ) from None


def caller(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """The address nearest to us that is no proxy of ours.

    Each proxy appends whom it was called by, so the list is read from the right and only while the one that wrote an
    entry is trusted: what a caller puts in front is never reached. An entry that is no address ends the walk at the
    proxy that passed it on.
    """
    address = peer
    for entry in reversed(forwarded):
        if not _is_one_of(address, proxies):
            break
        before = read(entry.strip())
        if before is None:
            break
        address = str(before)
    return address


class Proxied:
    """Puts the caller's own address into `scope["client"]` when a trusted proxy passes the request on."""

    def __init__(self, app: ASGIApp, proxies: Iterable[Network]) -> None:
        self._app = app
        self._proxies = tuple(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        client = scope.get("client") if self._proxies else None
        if client is not None and _is_one_of(client[0], self._proxies):
            values = [value for name, value in scope["headers"] if name == _HEADER]
            forwarded = b",".join(values).decode("latin-1").split(",")
            scope = {**scope, "client": (caller(client[0], forwarded, self._proxies), 0)}
        await self._app(scope, receive, send)


def _is_one_of(address: str, proxies: Sequence[Network]) -> bool:
    found = read(address)
    return found is not None and any(found in network for network in proxies)
