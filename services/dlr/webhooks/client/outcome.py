"""What came of one request."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class Failure(StrEnum):
    """Why there is no answer; public, shown in the history of deliveries."""

    URL_REFUSED = "url_refused"
    """The URL cannot be one of ours to call."""
    ADDRESS_REFUSED = "address_refused"
    """The host has an address that webhooks are not sent to."""
    UNRESOLVED = "unresolved"
    """The host has no address."""
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    """No common protocol, or a certificate that does not prove the host's name."""
    TIMEOUT = "timeout"
    """Connected, and no whole head of an answer in time."""
    CLOSED = "closed"
    """The peer closed before it answered."""
    BAD_RESPONSE = "bad_response"
    """What came is no HTTP/1 answer, or has no end."""
    BUSY = "busy"
    """No connection came free in time: nothing was sent."""


TIMEOUTS: Final = frozenset({Failure.CONNECT_TIMEOUT, Failure.TIMEOUT, Failure.BUSY})


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """A status, or why there is none. `retry_after` is the header as it came, at most 64 characters."""

    status: int = 0
    failure: Failure | None = None
    retry_after: str | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the customer has it: any 2xx."""
        return 200 <= self.status < 300
