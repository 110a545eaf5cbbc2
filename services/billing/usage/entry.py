"""The usage ledger's rows, and what a charge adds to them. Pure.

A message has one row from the moment an operator took some of it, and its id is the row's. Parts that are taken later
add a row each, with the id `<message id>:<ordinal of the part>`; nothing is ever changed. Since the parts taken never
become fewer, the rows of a message are the same in the end whatever comes twice, late or in another order, and
whoever writes them: their parts are the most that any event told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from shared.contracts.words import Category
from shared.ids import AccountId, MessageId
from shared.money.periods import Day, day_of

UNKNOWN_COUNTRY: Final = "ZZ"
"""ISO 3166 leaves it to its users."""
UNKNOWN_OPERATOR: Final = "unknown"


class EntryKind(StrEnum):
    """How a row came about."""

    FACT = "fact"
    """On the operator's acceptance."""
    ADJUSTMENT = "adjustment"
    """Afterwards: parts taken later, or a receipt that proved a message taken which had counted as failed."""


class Charge(msgspec.Struct, frozen=True, gc=False):
    """What an event says an operator took of a message: `parts` of it, until then. Times are aware UTC."""

    message_id: MessageId
    account_id: AccountId
    parts: int
    category: Category
    accepted_at: datetime
    correction: bool
    country: str | None = None
    operator: str | None = None
    pseudonym: str | None = None


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A row. `day` is when the message was accepted, in Norway, and decides its price; `recorded_at` is ours.

    `messages` is 1 on the first row of a message and 0 on the others. The recipient is a pseudonym, gone when the
    person was erased.
    """

    entry_id: str = msgspec.field(name="_id")
    account_id: AccountId
    day: Day
    operator: str
    country: str
    category: Category
    kind: EntryKind
    messages: int
    parts: int
    recorded_at: datetime
    pseudonym: str | None = None


def most_of(charges: Iterable[Charge]) -> dict[MessageId, Charge]:
    """For each message the charge with the most parts; of equal ones the first."""
    most: dict[MessageId, Charge] = {}
    for charge in charges:
        known = most.get(charge.message_id)
        if known is None or charge.parts > known.parts:
            most[charge.message_id] = charge
    return most


def first_entry(charge: Charge, at: datetime) -> Entry:
    """The row of a message that has none."""
    kind = EntryKind.ADJUSTMENT if charge.correction else EntryKind.FACT
    return _entry(charge, charge.message_id, kind, messages=1, parts=charge.parts, at=at)


def later_entries(charge: Charge, first_parts: int, at: datetime) -> Iterator[Entry]:
    """The rows for what a charge has more than the first row of its message; those that exist already included."""
    for ordinal in range(first_parts + 1, charge.parts + 1):
        entry_id = f"{charge.message_id}:{ordinal}"
        yield _entry(charge, entry_id, EntryKind.ADJUSTMENT, messages=0, parts=1, at=at)


def _entry(charge: Charge, entry_id: str, kind: EntryKind, *, messages: int, parts: int, at: datetime) -> Entry:
    return Entry(
        entry_id=entry_id,
        account_id=charge.account_id,
        day=day_of(charge.accepted_at),
        operator=charge.operator or UNKNOWN_OPERATOR,
        country=charge.country or UNKNOWN_COUNTRY,
        category=charge.category,
        kind=kind,
        messages=messages,
        parts=parts,
        recorded_at=at,
        pseudonym=charge.pseudonym,
    )
