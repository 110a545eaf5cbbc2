"""The events of the message path (v1).

Facts are named in the past tense, orders in the imperative. Producers write closed (only what stands here), readers
ignore what they do not know. Times are aware UTC. `Sealed` fields hold a number or a text under the account's key
of the quarter (`shared.privacy.sealing`); nothing else in an event may hold one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from shared.contracts.states import State
from shared.contracts.words import Category, Door, FactKind, Lane, ReceiptState, ReturnReason
from shared.ids import AccountId, MessageId
from shared.privacy.sealing import Sealed
from shared.text.segments import Coding

Utc = Annotated[datetime, msgspec.Meta(tz=True)]
Message = Annotated[MessageId, msgspec.Meta(pattern=r"\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Account = Annotated[AccountId, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of all events. msgspec inherits all but `kw_only`, type checkers not even `frozen`: each event says both."""


class Actor(Event, frozen=True, kw_only=True):
    """Who asked: the id of the key (never the key) and the address it came from."""

    key_id: str
    ip: str | None = None


class HoldRelease(Event, frozen=True, kw_only=True):
    """A person let a held message go: the rules of its hold, and of those before it, are not asked again."""

    hold_id: str
    by: str
    rules: tuple[str, ...]


class SendRequested(Event, frozen=True, kw_only=True):
    """A door took over one message to one recipient. The number is E.164 and the text is checked already.

    `content` seals a UTF-8 text. `lane` is also in the topic's name; the event carries it so that it can be moved.
    `batch_id` names the send-out that it belongs to. With `hold_release` it comes from the desk.
    """

    message_id: Message
    account_id: Account
    to: Sealed
    sender: str
    content: Sealed
    lane: Lane
    category: Category
    requested_at: Utc
    valid_until: Utc
    door: Door
    actor: Actor
    never_twice: bool = False
    allow_unicode: bool = True
    max_parts: int = 6
    flash: bool = False
    test: bool = False
    consent_ref: str | None = None
    reference: str | None = None
    callback_url: str | None = None
    batch_id: str | None = None
    hold_release: HoldRelease | None = None


class MessageAccepted(SendRequested, frozen=True, kw_only=True):
    """Screening let a request pass: the request, normalised, with what the rules found out."""

    coding: Coding
    parts: int
    country: str
    pseudonym: str
    accepted_at: Utc
    verdicts: tuple[str, ...] = ()


class DispatchOrdered(Event, frozen=True, kw_only=True):
    """Hand these parts of a message to this operator. `parts` empty means all; attempts count from 1.

    `tried` are the operators that it came back from. With `stay` the operator has taken other parts, so it goes to no
    other. With `again` an earlier attempt ended unknown: another one that does ends the message.
    """

    message: MessageAccepted
    operator: str
    route_id: str
    ordered_at: Utc
    attempt: int = 1
    parts: tuple[int, ...] = ()
    tried: tuple[str, ...] = ()
    stay: bool = False
    again: bool = False


class DispatchReturned(Event, frozen=True, kw_only=True):
    """These parts came back from an operator: route them anew, as this attempt (the one after the last).

    `tried`, `stay` and `again` are those of the order that is to follow. With `stay`, `operator` is the one that has
    taken other parts.
    """

    message: MessageAccepted
    operator: str
    route_id: str
    returned_at: Utc
    attempt: int
    parts: tuple[int, ...]
    why: ReturnReason
    tried: tuple[str, ...] = ()
    stay: bool = False
    again: bool = False


class LinkChanged(Event, frozen=True, kw_only=True):
    """Whether an operator can be reached, as a sender of its saw it at that time; said again while it can."""

    operator: str
    up: bool
    at: Utc


class PartFact(Event, frozen=True, kw_only=True):
    """What a role saw, at the level of the part; never a folded state. `part` 0 speaks of the whole message.

    `cause` is the id of the event that led to this one. `code` is a `Reason` for refusals of ours; `status` is the
    operator's SMPP command_status; `operator_id` its message id, normalised.
    """

    message_id: Message
    account_id: Account
    kind: FactKind
    at: Utc
    category: Category
    parts: int
    cause: str
    part: int = 0
    attempt: int = 1
    country: str | None = None
    code: str | None = None
    operator: str | None = None
    link: str | None = None
    route_id: str | None = None
    operator_id: str | None = None
    status: int | None = None
    test: bool = False


class OperatorReceipt(Event, frozen=True, kw_only=True):
    """An operator's delivery report, as received. Without `message_id` the sender no longer knew the message.

    `raw` seals the receipt's text and TLVs, `source` the number it came from: under the account's key where the
    account is known, else under the gateway's own, with `receipt_id` as the subject.
    """

    receipt_id: str
    operator: str
    link: str
    operator_id: str
    operator_id_raw: bytes
    state: ReceiptState
    received_at: Utc
    error: str | None = None
    network_error: str | None = None
    done_at: Utc | None = None
    raw: Sealed | None = None
    source: Sealed | None = None
    message_id: Message | None = None
    account_id: Account | None = None
    part: int = 0
    attempt: int = 0


class PartState(Event, frozen=True, kw_only=True):
    """Where one part of a message is."""

    part: int
    state: State
    attempt: int = 1


class ChargeBasis(Event, frozen=True, kw_only=True):
    """What billing needs to know once an operator took something. The parts taken never become fewer.

    `accepted_at` is when we took the message over, which decides its price; `pseudonym` is of the recipient.
    """

    category: Category
    parts_taken: int
    country: str | None = None
    operator: str | None = None
    route_id: str | None = None
    accepted_at: Utc | None = None
    pseudonym: str | None = None


class PassedState(Event, frozen=True, kw_only=True):
    """A state that a message went through: what an event of its own would say of it, but for the charge."""

    state: State
    sequence: int
    at: Utc
    previous: State | None = None
    reason: str | None = None
    operator: str | None = None
    operator_code: str | None = None
    part_states: tuple[PartState, ...] = ()


class MessageStatusChanged(Event, frozen=True, kw_only=True):
    """A message moved to another state; made by `dlr.status` alone. `sequence` is the version of its document.

    What happened to a message within a moment is told in one event: `passed` are the states on the way to this one,
    in order (`shared.contracts.passing`). None of them is final. That a message was accepted or queued comes along
    with its next state, however long that takes, where its account has neither an endpoint for it nor topics.
    """

    message_id: Message
    account_id: Account
    to: Sealed
    state: State
    sequence: int
    at: Utc
    previous: State | None = None
    reference: str | None = None
    reason: str | None = None
    permanent: bool | None = None
    operator: str | None = None
    operator_code: str | None = None
    part_states: tuple[PartState, ...] = ()
    charge: ChargeBasis | None = None
    callback_url: str | None = None
    test: bool = False
    passed: tuple[PassedState, ...] = ()


class MessageCorrected(Event, frozen=True, kw_only=True):
    """A receipt came after the final state. The state stays; billing may adjust."""

    message_id: Message
    account_id: Account
    state: State
    sequence: int
    at: Utc
    part: int
    receipt_state: ReceiptState
    operator_code: str | None = None
    charge: ChargeBasis | None = None
    test: bool = False
