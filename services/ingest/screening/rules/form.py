"""Validity, sender's shape (R-32), recipient (a mobile), and size of the text (R-28, R-29), in this order.

A door has checked the same things to answer its client; a request that lies on the topic proves nothing of that.
"""

from __future__ import annotations

from datetime import datetime

from services.ingest.screening.facts import Form
from services.ingest.screening.verdict import Expire, Reject
from shared.contracts.codes import Reason
from shared.contracts.events import SendRequested
from shared.errors import Refused
from shared.text import numbers, segments, senders


def form(request: SendRequested, number: str, text: str, now: datetime) -> Form | Reject | Expire:
    """The message that a request would be, or why it cannot be one."""
    if request.valid_until <= now:
        return Expire()
    try:
        sender = senders.parse_sender(request.sender)
    except Refused:
        return Reject(Reason.INVALID_SENDER, "sender_shape")
    try:
        recipient = numbers.parse(number)
    except Refused:
        return Reject(Reason.INVALID_NUMBER, "recipient")
    if not text:
        return Reject(Reason.INVALID_TEXT, "empty_text")
    try:
        measure = segments.check(text, allow_unicode=request.allow_unicode, max_parts=request.max_parts)
    except Refused:
        return Reject(Reason.INVALID_TEXT, "text_size")
    return Form(
        number=recipient.number,
        sender=sender.value,
        coding=measure.coding,
        parts=measure.parts,
        country=recipient.country,
    )
