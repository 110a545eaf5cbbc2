"""An incoming message as it is kept: what came, and what was decided, so that a replay says the same again."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.dlr.inbound.keyword import KeywordId, PremiumReply
from shared.contracts.inbound import InboundAction, InboundCoding, InboundId
from shared.contracts.premium import TransactionId
from shared.ids import GATEWAY, AccountId, DerivedIds, MessageId
from shared.privacy.sealing import Sealed

SAME_DELIVERY: Final = timedelta(hours=24)
"""How long an operator's delivery is taken for a repeat of one with the same content and reference."""

_REPLY: Final = 0
_TRANSACTION: Final = 1


class OptOut(msgspec.Struct, frozen=True):
    """An opt-out that the message asked for. `new` is the first of its kind, which is confirmed."""

    account_id: AccountId
    scope: str
    pseudonym: str
    new: bool


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The document. `from_`, `content` and `reply` are sealed under the account's key with `id` as subject; under the
    gateway's own while nobody has the message.

    `delivered_as` is the id that the operator's delivery has, the same for a day; of a long message it comes from those
    of its parts, and `missing` names the ones that never came. `told_at` is when everything that follows from the
    message had been written. Once its person was erased (`erased` is the order), `from_` and `content` are `TAKEN_OUT`
    and `pseudonym` is empty.
    """

    id: InboundId = msgspec.field(name="_id")
    delivered_as: InboundId
    received_at: datetime
    operator: str
    to: str
    from_: Sealed
    content: Sealed
    coding: InboundCoding
    pseudonym: str
    account_id: AccountId | None = None
    parts: int = 1
    missing: tuple[int, ...] = ()
    action: InboundAction = InboundAction.NONE
    keyword: str | None = None
    keyword_id: KeywordId | None = None
    webhook: bool = True
    reply: Sealed | None = None
    premium: PremiumReply | None = None
    opt_outs: tuple[OptOut, ...] = ()
    told_at: datetime | None = None
    erased: str | None = None

    @property
    def keeper(self) -> AccountId:
        """Whose key seals it."""
        return self.account_id or GATEWAY

    def ids(self, account: AccountId) -> DerivedIds:
        """The source of ids of what follows from this message, for one account."""
        return DerivedIds(account, f"inbound|{self.id}", self.received_at)

    def reply_id(self, account: AccountId) -> MessageId:
        """The message that answers it: the same at every replay."""
        return self.ids(account).of(_REPLY)

    def transaction_id(self, account: AccountId) -> TransactionId:
        """The charge that it started: the same at every replay."""
        return TransactionId(self.ids(account).of(_TRANSACTION))


def id_of(delivered_as: InboundId, received_at: datetime) -> InboundId:
    """The id of a message that was delivered for the first time at a time: unique for ever."""
    name = f"{delivered_as}|{received_at.isoformat()}"
    return InboundId(hashlib.blake2b(name.encode(), digest_size=16).hexdigest())
