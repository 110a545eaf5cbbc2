"""What people send us: incoming messages, and what became of them; opt-outs (v1)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, NewType

import msgspec

from shared.contracts.events import Account, Event, Message, Utc
from shared.contracts.premium import Transaction
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.privacy.sealing import Sealed

InboundId = NewType("InboundId", str)

Inbound = Annotated[InboundId, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]

EVERY_SENDER: Final = "*"
"""The scope of an opt-out from all that an account sends; any other scope is one sender of it."""


class InboundCoding(StrEnum):
    """What the content of an incoming message is."""

    GSM7 = "gsm7"
    LATIN1 = "latin1"
    UCS2 = "ucs2"
    BINARY = "binary"
    """No text, or none that can be read: the content is its octets in hex."""


class PartOf(Event, frozen=True, kw_only=True):
    """This is one part of a long message; `reference` is the same in all its parts. Parts count from 1."""

    reference: int
    part: int
    parts: int


class MessageReceived(Event, frozen=True, kw_only=True, rename={"from_": "from"}):
    """An operator delivered a message from a handset. On `sms.inbound`; nobody knows yet whose it is.

    `inbound_id` comes from what the operator delivered alone: delivered again it is the same, and within 24 hours no
    other message has it. `from` and `content` are sealed under the gateway's own key with `inbound_id` as subject.
    `from` is E.164 where it is a number, else as it came; `to` is a short number, or E.164. Of a part the content is
    its octets in hex and `coding` what they are to be read in: a character may have been cut between two parts.
    """

    inbound_id: Inbound
    operator: str
    link: str
    to: str
    from_: Sealed
    content: Sealed
    coding: InboundCoding
    received_at: Utc
    part_of: PartOf | None = None


class InboundAction(StrEnum):
    """What an incoming message led to."""

    NONE = "none"
    REPLY = "reply"
    PREMIUM_REPLY = "premium_reply"
    OPT_OUT = "opt_out"


class InboundRouted(Event, frozen=True, kw_only=True, rename={"from_": "from"}):
    """An incoming message found its account. On `dlr.inbound-events`, made by `dlr.inbound` alone.

    `inbound_id` is unique for ever, and the event's id. `from` and `content` are sealed under the account's key with
    `inbound_id` as subject. `keyword` is the word that matched, `*` for the number's default, absent when none did.
    `reply_id` is the message that answers it, `transaction_id` the order of a charged reply. `webhook` false: the
    keyword's owner does not want to be told. A long message is one, of so many `parts`; `missing_parts` never came, and
    the content is without them.
    """

    inbound_id: Inbound
    account_id: Account
    operator: str
    to: str
    from_: Sealed
    content: Sealed
    coding: InboundCoding
    pseudonym: str
    received_at: Utc
    action: InboundAction
    keyword: str | None = None
    reply_id: Message | None = None
    transaction_id: Transaction | None = None
    webhook: bool = True
    parts: int = 1
    missing_parts: tuple[int, ...] = ()


class OptOutSource(StrEnum):
    """How it was asked for."""

    KEYWORD = "keyword"
    API = "api"
    DESK = "desk"


class OptOutRequested(Event, frozen=True, kw_only=True):
    """A person wants no more from an account, or from one sender of it. On `config.opt-outs` under `opt_out_key`.

    It holds until a tombstone with the same key takes it back. `pseudonym` is under the account's key of the year of
    `at` and begins with that year: whoever looks a number up later asks under the key of that year again. A sender is
    written as `senders.parse_sender` gives it, in lower case.
    """

    account_id: Account
    scope: Annotated[str, msgspec.Meta(pattern=r"\A[^|]+\Z")]
    pseudonym: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}:[0-9a-f]+\Z")]
    at: Utc
    source: OptOutSource


def opt_out_key(account_id: AccountId, scope: str, pseudonym: str) -> str:
    """The key of the record, which names an account, a scope and a pseudonym; none of them holds a bar."""
    return f"{account_id}|{scope}|{pseudonym}"


def read_opt_out_key(key: bytes | None) -> tuple[AccountId, str, str]:
    """Account, scope and pseudonym of a record's key. Raises `BadRecord` for a key of another form."""
    parts = (key or b"").decode("utf-8", "replace").split("|")
    if len(parts) != 3 or not all(parts):
        raise BadRecord("bad_key", "the key is no account, scope and pseudonym")
    return AccountId(parts[0]), parts[1], parts[2]
