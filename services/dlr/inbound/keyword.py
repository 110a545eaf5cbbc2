"""Numbers that people write to, and keywords on them, as their collections have them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

from shared.ids import AccountId

KeywordId = NewType("KeywordId", str)


class StopScope(StrEnum):
    """What a person who answers STOP wants no more of."""

    ACCOUNT = "account"
    """Anything that the account sends."""
    SENDER = "sender"
    """What it sends from the number that was written to."""


class Number(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A short number, or a number in E.164, that comes in to us. Without account it is shared (R-154)."""

    number: str = msgspec.field(name="_id")
    created_at: datetime
    account_id: AccountId | None = None
    stop: StopScope = StopScope.ACCOUNT


class KeywordState(StrEnum):
    """On a shared number a person of ours looks at a keyword before it answers anybody."""

    ACTIVE = "active"
    ORDERED = "ordered"


class PremiumReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the reply costs whoever asked for it: `price` in whole øre."""

    merchant_id: str
    service_code: str
    price: int
    invoice_text: str
    business_model: str | None = None
    age: int = 0


class Keyword(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is done with a message to `number` that begins with `keyword` (`words.keyword_of`)."""

    id: KeywordId = msgspec.field(name="_id")
    account_id: AccountId
    number: str
    keyword: str
    state: KeywordState
    created_at: datetime
    reply: str | None = None
    premium: PremiumReply | None = None
    webhook: bool = True
    created_by: str | None = None


def keyword_id(number: str, keyword: str) -> KeywordId:
    """One keyword on one number is one thing, whoever has it."""
    return KeywordId(f"kw_{hashlib.sha256(f'{number}|{keyword}'.encode()).hexdigest()[:24]}")
