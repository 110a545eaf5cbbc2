"""Records of the role's topics as what the fold takes."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from services.dlr.status.fold import Asked
from services.dlr.status.message import Report, Request, milliseconds
from services.dlr.status.reports import of_fact, of_receipt
from shared.contracts import envelope
from shared.contracts.codec import read
from shared.contracts.events import OperatorReceipt, PartFact, SendRequested
from shared.errors import BadRecord
from shared.ids import GATEWAY, AccountId, MessageId
from shared.kafka.record import Record
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Erased, Sealer
from shared.text.numbers import whole


class Orphan(msgspec.Struct, frozen=True, gc=False):
    """A receipt whose sender no longer knew the message."""

    receipt: OperatorReceipt


class Heard(msgspec.Struct, frozen=True, gc=False):
    """Something about one message. `order` puts requests before facts before receipts inside a batch."""

    message_id: MessageId
    account_id: AccountId
    order: int
    what: Asked | Report


Input: TypeAlias = Heard | Orphan


class Ear:
    """Decodes records. A request's recipient is opened once, to keep its pseudonym for searches: that of the number in
    E.164, as screening makes it, however the request spells it.
    """

    def __init__(self, sealer: Sealer, pseudonyms: Pseudonyms) -> None:
        self._sealer = sealer
        self._pseudonyms = pseudonyms

    def __call__(self, record: Record) -> Input:
        """Decode one record. Raises `BadRecord`, `bad_seal` for a recipient that does not open included."""
        event = read(record)
        if type(event) is PartFact:
            fact = of_fact(envelope.event_id(record), event)
            return Heard(event.message_id, event.account_id, 1, fact)
        if type(event) is OperatorReceipt:
            if event.message_id is None:
                return Orphan(event)
            return Heard(event.message_id, event.account_id or GATEWAY, 2, of_receipt(event))
        if type(event) is SendRequested:
            asked = Asked(envelope.event_id(record), event.account_id, self._request(event))
            return Heard(event.message_id, event.account_id, 0, asked)
        raise BadRecord("unexpected_event_type", "this type of event does not belong on this topic")

    def _request(self, event: SendRequested) -> Request:
        number = self._sealer.open(event.account_id, event.message_id, "to", event.to)
        pseudonym = None
        if not isinstance(number, Erased):
            pseudonym = self._pseudonyms.of(event.account_id, whole(number), event.requested_at)
        return Request(
            to=event.to,
            content=event.content,
            sender=event.sender,
            category=event.category,
            lane=event.lane,
            requested_at=milliseconds(event.requested_at),
            valid_until=milliseconds(event.valid_until),
            pseudonym=pseudonym,
            reference=event.reference,
            callback_url=event.callback_url,
            test=event.test,
        )
