"""A message as its one document holds it.

Field names are short because they are stored in every document. Times are aware UTC in whole milliseconds, which is
what MongoDB keeps: an event told again from its document must be the event that was told first.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from shared.contracts.states import State
from shared.contracts.words import Category, Lane, ReceiptState
from shared.ids import AccountId, MessageId
from shared.privacy.sealing import Sealed


class Request(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What was asked for; never changes, but when the person is erased: then `to` and `content` are `TAKEN_OUT`,
    `pseudonym`, `reference` and `callback_url` are gone, and `erased` is the order.

    `pseudonym` is of the recipient, None when its key is gone.
    """

    to: Sealed
    content: Sealed
    sender: str
    category: Category
    lane: Lane
    requested_at: datetime
    valid_until: datetime
    pseudonym: str | None = None
    reference: str | None = None
    callback_url: str | None = None
    test: bool = False
    erased: str | None = None


class Report(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A fact of ours or an operator's receipt, read as the state that it claims.

    `fact` is its id. `part` 0 speaks of the whole message, `attempt` 0 of whichever attempt is the newest, `parts` 0
    does not say how many there are. `receipt` is set for receipts. `code` is the operator's own.
    """

    fact: str
    state: State
    at: datetime
    receipt: ReceiptState | None = None
    part: int = 0
    attempt: int = 0
    parts: int = 0
    reason: str | None = None
    code: str | None = None
    operator: str | None = None
    link: str | None = None
    route_id: str | None = None
    operator_id: str | None = None
    country: str | None = None
    done_at: datetime | None = None


class Part(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where one part is. `taken`: an operator took it, in this attempt or an earlier one, so it is charged.

    `done_at` is the operator's time, which may be coarse or wrong; `at` is ours.
    """

    part: int
    at: datetime
    state: State = State.QUEUED
    attempt: int = 1
    taken: bool = False
    operator: str | None = None
    route_id: str | None = None
    reason: str | None = None
    code: str | None = None
    done_at: datetime | None = None


class Submission(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """That an operator took a part and called it `key` (`operator_key`). Later attempts add, none replaces.

    `given` is the operator's id as it was given, where `key` spells it otherwise.
    """

    key: str
    part: int
    attempt: int = 1
    link: str | None = None
    given: str | None = None

    def is_called(self, operator: str, operator_id: str) -> bool:
        """Whether the operator gave the part this id, to the letter."""
        return self.given == operator_id if self.given is not None else self.key == f"{operator}:{operator_id}"


class Charge(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Basis of the charge at one step; the category is the request's."""

    parts: int
    country: str | None = None
    operator: str | None = None
    route_id: str | None = None


class Step(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A move of the message that is told, with all that the event says beside the request.

    `fact` made the move; `by` is what made it known where that is another (the request that a fact preceded).
    `parts` is `pack_parts`. `receipt` and `part` are set when the step is a correction: then the state stood still.
    A `quiet` step is told along with the next one that is not.
    """

    sequence: int
    state: State
    at: datetime
    fact: str
    by: str | None = None
    reason: str | None = None
    operator: str | None = None
    code: str | None = None
    parts: str = ""
    charge: Charge | None = None
    receipt: ReceiptState | None = None
    part: int = 0
    quiet: bool = False


class Move(StrEnum):
    """What came of something that came in."""

    APPLIED = "applied"
    WAITING = "waiting"
    """It came before its request, or before anything that says how many parts there are."""
    REPLAYED = "replayed"
    """The very same came before."""
    REPEATED = "repeated"
    """It says what is known."""
    LATE = "late"
    """Its state was implied when a later one overtook it; it adds details."""
    BACKWARDS = "backwards"
    """It contradicts what is known: noted, not applied."""
    CORRECTED = "corrected"
    """A receipt after the final state: told beside it."""
    UNPLACED = "unplaced"
    """It speaks of a part that the message does not have."""


class Note(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something that came in and made no step."""

    fact: str
    move: Move = Move.APPLIED


class Message(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The whole document. Without `request` it is a stub: what came early waits in it, and nothing is told.

    `version` grows with everything applied; a step's sequence is the version that it made. `count` is the number of
    parts, 0 until somebody says it; `parts` is empty until something happened to one.
    """

    id: MessageId = msgspec.field(name="_id")
    version: int
    account_id: AccountId
    state: State
    request: Request | None = None
    count: int = 0
    country: str | None = None
    parts: tuple[Part, ...] = ()
    submissions: tuple[Submission, ...] = ()
    history: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()
    waiting: tuple[Report, ...] = ()


def stub(message_id: MessageId, account_id: AccountId) -> Message:
    """A message of which nothing is known."""
    return Message(id=message_id, version=0, account_id=account_id, state=State.ACCEPTED)


def operator_key(operator: str, operator_id: str) -> str:
    """The name of a part at an operator; receipts may come over another link than the part went.

    In lower case and without leading zeros: the one spelling that `id_candidates` of any other has in it.
    """
    return f"{operator}:{operator_id.strip().lower().lstrip('0') or operator_id[-1:]}"


def pack_parts(parts: tuple[Part, ...]) -> str:
    """States of all parts in their order, as `state/attempt` with spaces between: history is kept in every document."""
    return " ".join([f"{part.state}/{part.attempt}" for part in parts])


def milliseconds(at: datetime) -> datetime:
    """A time as the database gives it back: UTC in whole milliseconds."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.replace(microsecond=at.microsecond // 1000 * 1000)
