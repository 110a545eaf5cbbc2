"""How a request ends: exactly one of taken, refused, unknown (rule 6)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from shared.smpp.constants import ESME_RMSGQFUL, ESME_RTHROTTLED
from shared.smpp.pdu import Tlvs
from shared.smpp.requests import MultiAnswer, QueryAnswer

THROTTLING: Final = frozenset({ESME_RMSGQFUL, ESME_RTHROTTLED})
"""Statuses with which a peer asks for patience; it takes the same message later."""


class Ending(StrEnum):
    """Why a session ended, or why a request got no answer."""

    NO_RESPONSE = "no_response"
    """The response timeout of one request passed; the session goes on."""
    LINK_LOST = "link_lost"
    """The connection broke."""
    PEER_SILENT = "peer_silent"
    """No answer to enquire_link, or nothing at all for the inactivity timeout."""
    PEER_UNBOUND = "peer_unbound"
    UNBOUND = "unbound"
    """We unbound or closed."""
    PROTOCOL_ERROR = "protocol_error"
    """The peer's framing cannot be followed any more."""
    NEVER_BOUND = "never_bound"
    """The peer connected and did not bind in time, or was refused."""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """Taken. `message_id` is the peer's, raw and without NUL (empty for a deliver)."""

    message_id: bytes
    tlvs: Tlvs = ()


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Not taken: the numeric `command_status` as it came, vendor values included (rule 1), and what TLVs say of it."""

    status: int
    tlvs: Tlvs = ()

    @property
    def throttled(self) -> bool:
        """Whether the peer asks for patience. What follows from it is the sender's to decide."""
        return self.status in THROTTLING


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """Written, and nobody can say whether the peer took it."""

    reason: Ending


SubmitResult: TypeAlias = Accepted | Refused | Unknown
"""Of submit_sm, deliver_sm, data_sm, cancel_sm and replace_sm; the last two come without id."""

QueryResult: TypeAlias = QueryAnswer | Refused | Unknown
MultiResult: TypeAlias = MultiAnswer | Refused | Unknown
Result: TypeAlias = SubmitResult | QueryAnswer | MultiAnswer
