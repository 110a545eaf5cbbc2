"""An incoming message, readable: one delivery, or what was joined of several."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.dlr.inbound.deciding import asked_words
from shared.contracts.inbound import InboundCoding, InboundId, MessageReceived
from shared.ids import GATEWAY
from shared.privacy.sealing import Erased, Sealer


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is as precise as the database keeps it; `partition` is where what follows of it is written."""

    delivered_as: InboundId
    operator: str
    to: str
    at: datetime
    number: str
    content: str
    coding: InboundCoding
    partition: int
    parts: int = 1
    missing: tuple[int, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words that may mean something."""
        return asked_words(None if self.coding is InboundCoding.BINARY else self.content, self.missing)

    def __repr__(self) -> str:
        return f"Opened({self.delivered_as})"


def opened(event: MessageReceived, partition: int, sealer: Sealer) -> Opened | None:
    """None when the gateway's key of that quarter is gone: nothing of the message is left. Raises `BadRecord`."""
    number = sealer.open(GATEWAY, event.inbound_id, "from", event.from_)
    content = sealer.open(GATEWAY, event.inbound_id, "content", event.content)
    if isinstance(number, Erased) or isinstance(content, Erased):
        return None
    return Opened(
        delivered_as=event.inbound_id,
        operator=event.operator,
        to=event.to,
        at=event.received_at.replace(microsecond=event.received_at.microsecond // 1000 * 1000),
        number=number,
        content=content,
        coding=event.coding,
        partition=partition,
    )
