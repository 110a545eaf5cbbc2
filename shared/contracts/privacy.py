"""Orders to forget, legal holds, and the answers of whoever owns the data (v1).

No event here holds a number or a text. A person is named by the pseudonyms of one account, one for each year whose
key there is; the same person at another account is somebody else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NewType

import msgspec

from shared.contracts.events import Account, Event, Utc

OrderId = NewType("OrderId", str)

Order = Annotated[OrderId, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,127}\Z")]
Pseudonym = Annotated[str, msgspec.Meta(pattern=r"\A\d{4}:[0-9a-f]{32}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0)]


class OrderKind(StrEnum):
    """What is to be forgotten."""

    ERASE = "erase"
    """One person of one account, whenever it was."""
    PURGE = "purge"
    """Everything of an account that is older than a time."""


class Basis(StrEnum):
    """Why, in the words of the law and of the agreement."""

    RETENTION = "retention"
    END_OF_RELATION = "end_of_relation"
    REQUEST = "request"
    INSTRUCTION = "instruction"


class PrivacyOrdered(Event, frozen=True, kw_only=True):
    """Forget this. On `privacy.orders`, made by `retention.orders` alone; `order_id` is the event's id.

    An erasure names `pseudonyms`, a purge the time `before`: what is from then or later stays. A purge leaves alone
    what is about the people in `held`, who are under a legal hold; an erasure of such a person is never ordered.
    """

    order_id: Order
    kind: OrderKind
    account_id: Account
    basis: Basis
    ordered_at: Utc
    pseudonyms: tuple[Pseudonym, ...] = ()
    before: Utc | None = None
    held: tuple[Pseudonym, ...] = ()


class LegalHoldChanged(Event, frozen=True, kw_only=True):
    """A legal hold was opened or closed. On `privacy.orders`, so that every owner has it before the orders behind it;
    the event's id is `<hold>:opened` or `<hold>:closed`. One that stands is told again each night.

    Until `closed_at` no order takes anything of the people in `pseudonyms`; without any, nothing of the account.
    """

    hold_id: Order
    account_id: Account
    opened_at: Utc
    pseudonyms: tuple[Pseudonym, ...] = ()
    closed_at: Utc | None = None


class StoreCount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What came of an order in one store: rows that were deleted or freed of the person, and rows that had to stay."""

    store: str
    deleted: Count
    held: Count = 0


class PrivacyAnswered(Event, frozen=True, kw_only=True):
    """What a service did. On `privacy.receipts`, the event's id is `<order>:<service>:complete` or `…:partial`.

    `complete` false says that some of it is still to be done: another answer follows.
    """

    order_id: Order
    account_id: Account
    service: str
    started_at: Utc
    finished_at: Utc
    complete: bool
    counts: tuple[StoreCount, ...] = ()
