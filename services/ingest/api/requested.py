"""The event that a door makes of one good recipient of a checked request."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.ingest.api.drafting import Draft
from shared.contracts.events import Actor, SendRequested
from shared.contracts.words import Door
from shared.ids import AccountId, MessageId
from shared.privacy.sealing import Sealer
from shared.text.numbers import Number


def send_requested(
    draft: Draft,
    number: Number,
    message_id: MessageId,
    *,
    account_id: AccountId,
    at: datetime,
    asked_at: datetime,
    door: Door,
    actor: Actor,
    test: bool,
    sealer: Sealer,
) -> SendRequested:
    """`at` is when the request was taken over, `asked_at` when it was made: from then on its validity counts."""
    body = draft.body
    return SendRequested(
        message_id=message_id,
        account_id=account_id,
        to=sealer.seal(account_id, message_id, "to", number, at),
        sender=draft.sender,
        content=sealer.seal(account_id, message_id, "content", body.text, at),
        lane=draft.lane,
        category=body.category,
        requested_at=at,
        valid_until=asked_at + timedelta(seconds=body.valid_for),
        door=door,
        actor=actor,
        never_twice=body.never_twice,
        allow_unicode=body.allow_unicode,
        max_parts=body.max_parts,
        flash=body.flash,
        test=test,
        consent_ref=body.consent_ref,
        reference=body.reference,
        callback_url=body.callback_url,
    )


def event_id_of(message_id: MessageId) -> str:
    """The id of that event: the same message gives the same id, whatever door it came in by."""
    return f"{message_id}:requested"
