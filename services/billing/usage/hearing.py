"""Records of `sms.events` as charges."""

from __future__ import annotations

import msgspec

from services.billing.usage.entry import Charge
from shared.contracts.codec import Excerpt
from shared.contracts.events import Account, ChargeBasis, Message, MessageCorrected, MessageStatusChanged, Utc
from shared.errors import BadRecord
from shared.kafka.record import Record


class _Changed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What usage takes of an event."""

    message_id: Message
    account_id: Account
    at: Utc
    charge: ChargeBasis | None = None
    test: bool = False


class _Corrected(_Changed, frozen=True, kw_only=True, gc=False):
    """The same of a correction."""


_read = Excerpt[_Changed]({MessageStatusChanged: _Changed, MessageCorrected: _Corrected})


def hear(record: Record) -> Charge | None:
    """What an event says was taken; None when nothing was, and of a test always. Raises `BadRecord`."""
    event = _read(record)
    basis = event.charge
    if basis is None or event.test:
        return None
    if basis.parts_taken < 1:
        raise BadRecord("bad_charge", "a charge has no part")
    return Charge(
        message_id=event.message_id,
        account_id=event.account_id,
        parts=basis.parts_taken,
        category=basis.category,
        accepted_at=basis.accepted_at or event.at,
        correction=type(event) is _Corrected,
        country=basis.country,
        operator=basis.operator,
        pseudonym=basis.pseudonym,
    )
