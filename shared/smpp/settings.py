"""What one SMPP session needs to know, both sides. All times in seconds."""

from __future__ import annotations

import ssl
from enum import IntEnum

import msgspec

from shared.smpp.constants import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    DELIVER_SM,
    INTERFACE_VERSION,
    SUBMIT_SM,
)


class BindMode(IntEnum):
    """Which requests a session carries; the value is the command id of its bind."""

    RECEIVER = BIND_RECEIVER
    TRANSMITTER = BIND_TRANSMITTER
    TRANSCEIVER = BIND_TRANSCEIVER

    def carries(self, command_id: int) -> bool:
        """Whether `submit_sm` or `deliver_sm` may travel on such a bind."""
        if command_id == SUBMIT_SM:
            return self is not BindMode.RECEIVER
        return command_id != DELIVER_SM or self is not BindMode.TRANSMITTER


class Timers(msgspec.Struct, frozen=True, kw_only=True):
    """Every deadline of a session is checked by one sweep (rule 7), so each may pass up to `sweep` late."""

    connect: float = 10.0
    """TCP, TLS and the answer to the bind; on the server side, from the connection to a bind that was taken."""
    response: float = 30.0
    """From writing a request to its answer. Does not run while we ourselves have stopped reading."""
    enquire: float = 30.0
    """Silence after which an enquire_link is sent; it has `response` to be answered."""
    inactivity: float = 120.0
    """Silence after which the session is closed."""
    close: float = 5.0
    """From closing to giving up on what the peer does not read."""
    sweep: float = 0.25


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides of a session have in common."""

    window: int = 10
    """Our requests without an answer, at most."""
    max_unanswered: int = 100
    """The peer's requests that the application has not answered yet; at the limit reading stops (rule 12)."""
    timers: Timers = Timers()


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a server takes on."""

    unbound: int = 1_000
    """Connections that have not bound; above that a new one is dropped. `Timers.connect` ends those that stay."""
    binds: int = 100
    """Binds of one system id; above that a bind is refused with `ESME_RBINDFAIL`."""


class BindSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One bind of an ESME. `system_id`, `password` and `system_type` travel as Latin-1; the password may be longer
    than the 8 characters of the specification. `ssl` makes it TLS (rule 11); `server_hostname` overrides SNI.
    """

    host: str
    port: int
    system_id: str
    password: str
    system_type: str = ""
    mode: BindMode = BindMode.TRANSCEIVER
    interface_version: int = INTERFACE_VERSION
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""
    ssl: ssl.SSLContext | None = None
    server_hostname: str | None = None
    session: SessionSettings = SessionSettings()

    def __repr__(self) -> str:
        return f"BindSettings({self.mode.name.lower()} to {self.host}:{self.port})"
