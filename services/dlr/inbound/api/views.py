"""What the calls for incoming messages show. What was erased is null."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.dlr.inbound.keyword import Keyword, KeywordId, KeywordState, Number, PremiumReply, StopScope
from services.dlr.inbound.message import InboundMessage
from services.dlr.inbound.store import OptOutId, OptOutRow
from shared.contracts.inbound import (
    EVERY_SENDER,
    InboundAction,
    InboundCoding,
    InboundId,
    OptOutSource,
)
from shared.contracts.premium import TransactionId
from shared.ids import AccountId, MessageId
from shared.privacy.sealing import Erased, Sealed, Sealer


class NumberView(msgspec.Struct, frozen=True):
    """A number that people may write to. On a shared one, keywords wait for a person of ours."""

    number: str
    shared: bool
    stop: StopScope


class Numbers(msgspec.Struct, frozen=True):
    """A list."""

    numbers: list[NumberView]


class PremiumView(msgspec.Struct, frozen=True):
    """What a reply costs."""

    merchant_id: str
    service_code: str
    price: int
    invoice_text: str
    business_model: str | None
    age: int


class KeywordView(msgspec.Struct, frozen=True):
    """A keyword. `ordered`: it answers nobody until a person of ours has looked."""

    id: KeywordId
    number: str
    keyword: str
    state: KeywordState
    reply: str | None
    premium: PremiumView | None
    webhook: bool
    created_at: datetime
    created_by: str | None


class Keywords(msgspec.Struct, frozen=True):
    """A list."""

    keywords: list[KeywordView]


class InboundView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """An incoming message and what it led to. `text` is hex if `coding` is `binary`.

    `parts` says of how many a long one was made; `missing_parts` names those that never came, and the text is without
    them.
    """

    id: InboundId
    to: str
    from_: str | None
    text: str | None
    coding: InboundCoding
    received_at: datetime
    keyword: str | None
    action: InboundAction
    reply_id: MessageId | None
    transaction_id: TransactionId | None
    parts: int
    missing_parts: tuple[int, ...]


class InboundPage(msgspec.Struct, frozen=True):
    """A page, the newest first; `cursor` leads to the next."""

    messages: list[InboundView]
    cursor: str | None


class OptOutView(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """An opt-out. `from` is the sender that it is about, null for all that the account sends."""

    id: OptOutId
    to: str | None
    sender: str | None
    source: OptOutSource
    at: datetime


class OptOutPage(msgspec.Struct, frozen=True):
    """A page, the newest first; `cursor` leads to the next."""

    opt_outs: list[OptOutView]
    cursor: str | None


def number_view(number: Number) -> NumberView:
    """A number."""
    return NumberView(number.number, number.account_id is None, number.stop)


def keyword_view(keyword: Keyword) -> KeywordView:
    """A keyword."""
    return KeywordView(
        id=keyword.id,
        number=keyword.number,
        keyword=keyword.keyword,
        state=keyword.state,
        reply=keyword.reply,
        premium=None if keyword.premium is None else _premium(keyword.premium),
        webhook=keyword.webhook,
        created_at=keyword.created_at,
        created_by=keyword.created_by,
    )


def inbound_view(message: InboundMessage, account: AccountId, sealer: Sealer) -> InboundView:
    """A message of the account."""
    answered = message.action is InboundAction.REPLY or any(
        each.new and each.account_id == account for each in message.opt_outs
    )
    charged = message.action is InboundAction.PREMIUM_REPLY
    return InboundView(
        id=message.id,
        to=message.to,
        from_=_opened(sealer, account, message.id, "from", message.from_),
        text=_opened(sealer, account, message.id, "content", message.content),
        coding=message.coding,
        received_at=message.received_at,
        keyword=message.keyword,
        action=message.action,
        reply_id=message.reply_id(account) if answered else None,
        transaction_id=message.transaction_id(account) if charged else None,
        parts=message.parts,
        missing_parts=message.missing,
    )


def opt_out_view(row: OptOutRow, sealer: Sealer) -> OptOutView:
    """An opt-out."""
    return OptOutView(
        id=row.id,
        to=_opened(sealer, row.account_id, row.id, "number", row.number),
        sender=None if row.scope == EVERY_SENDER else row.scope,
        source=row.source,
        at=row.at,
    )


def _premium(premium: PremiumReply) -> PremiumView:
    return PremiumView(**msgspec.structs.asdict(premium))


def _opened(sealer: Sealer, account: AccountId, subject: str, field: str, sealed: Sealed) -> str | None:
    """None for what was erased: the field was emptied, or its key is gone."""
    if not sealed:
        return None
    text = sealer.open(account, subject, field, sealed)
    return None if isinstance(text, Erased) else text
