"""The stores of ingest with personal data, and how each forgets.

A message that waits for a person or for its time expires at once: the desk lets it go as it does with any other, so
that the message log and the customer are told, and its row is deleted after that. What was let go goes after 30 days,
or with the account. Idempotency rows are sealed, cannot
be searched for a person, and go after 73 hours by themselves. Counters in Valkey name accounts and events only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from services.ingest.desk.rows import Waiting
from services.ingest.desk.store import KEPT
from shared.clock import Clock
from shared.contracts.privacy import OrderKind, PrivacyOrdered
from shared.privacy.participant import Batch, Matching, Store
from shared.privacy.participant.selecting import nobody_held, of_person
from shared.stores.mongodb import Database, Document

_OPEN: Final = {"state": {"$in": [Waiting.WAITING.value, Waiting.CLAIMED.value]}}
_DONE: Final = {"state": {"$nin": [Waiting.WAITING.value, Waiting.CLAIMED.value]}}


def stores(clock: Clock) -> Callable[[Database], Sequence[Store]]:
    """The stores in a database, in the order in which they forget."""

    def still_valid(order: PrivacyOrdered) -> Document:
        later = {"$or": [{"expires_at": {"$gt": clock.now()}}, {"due_at": {"$ne": None}}]}
        return {**_of_person(order), "state": Waiting.WAITING.value, **later}

    def done_long_ago(order: PrivacyOrdered) -> Document | None:
        if order.before is None:
            return None
        before = max(order.before, clock.now() - KEPT)
        return {"account_id": order.account_id, "done_at": {"$lt": before}, "pseudonym": nobody_held(order)}

    def all_of(database: Database) -> Sequence[Store]:
        return (
            Matching(
                database,
                "held",
                name="held.waiting",
                person=still_valid,
                strip=lambda _: {"$set": {"expires_at": clock.now(), "due_at": None}},
            ),
            Gone(database),
            Matching(
                database,
                "held",
                person=lambda order: {**_of_person(order), **_DONE},
                aged=done_long_ago,
            ),
        )

    return all_of


def _of_person(order: PrivacyOrdered) -> Document:
    return of_person(order, at="requested_at")


class Gone:
    """Waits until the desk has let go what expired."""

    def __init__(self, database: Database) -> None:
        self.name = "held.open"
        self._rows = database.get_collection("held")

    async def forget(self, order: PrivacyOrdered, session: AsyncClientSession, limit: int) -> Batch:
        """As the protocol has it; deletes nothing."""
        if order.kind is not OrderKind.ERASE:
            return Batch(0)
        left = await self._rows.count_documents({**_of_person(order), **_OPEN}, session=session, limit=limit)
        return Batch(0, held=left, more=left > 0)
