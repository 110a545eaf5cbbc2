"""Records of `sms.events` as charges."""

from __future__ import annotations

from services.billing.usage.entry import Charge
from shared.contracts.codec import Reader
from shared.contracts.events import MessageCorrected, MessageStatusChanged
from shared.errors import BadRecord
from shared.kafka.record import Record

_read = Reader(MessageStatusChanged, MessageCorrected)


def hear(record: Record) -> Charge | None:
    """What an event says was taken; None when nothing was, and of a test always. Raises `BadRecord`."""
    event = _read(record)
    if not isinstance(event, MessageStatusChanged | MessageCorrected) or event.charge is None or event.test:
        return None
    basis = event.charge
    if basis.parts_taken < 1:
        raise BadRecord("bad_charge", "a charge has no part")
    return Charge(
        message_id=event.message_id,
        account_id=event.account_id,
        parts=basis.parts_taken,
        category=basis.category,
        accepted_at=basis.accepted_at or event.at,
        correction=type(event) is MessageCorrected,
        country=basis.country,
        operator=basis.operator,
        pseudonym=basis.pseudonym,
    )
