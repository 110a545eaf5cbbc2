"""The stores of billing with personal data, and how each forgets.

Of a usage row the person goes and the fact stays: daily sums and invoices add up as before. The premium ledger keeps a
person's pseudonym while the person may still ask for money back: an erasure is refused for these rows in part, which
the answer tells as held, and the nightly purge frees them when the time is over. Sums, invoices, settlements and
payouts name nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from services.billing.premium.ledger import TRANSACTIONS
from shared.clock import Clock
from shared.contracts.privacy import PrivacyOrdered
from shared.money.periods import day_of
from shared.privacy.participant import Matching, Store
from shared.privacy.participant.selecting import nobody_held, of_person
from shared.stores.mongodb import Database, Document

REFUNDABLE: Final = timedelta(days=400)
"""For so long after the charge a refund may be asked for and settled; dispatch keeps what it needs for it as long."""

_FREED: Final[Document] = {"$unset": {"pseudonym": ""}}
_SETTLED: Final[Document] = {"$unset": {"pseudonym": "", "reference": ""}}


def stores(clock: Clock) -> Callable[[Database], Sequence[Store]]:
    """The stores in a database, in the order in which they forget."""

    def over() -> dict[str, Any]:
        return {"ordered_at": {"$lt": clock.now() - REFUNDABLE}}

    def all_of(database: Database) -> Sequence[Store]:
        return (
            Matching(
                database,
                "usage",
                person=lambda order: {**of_person(order), "day": {"$lte": day_of(order.ordered_at)}},
                strip=lambda _: _FREED,
                aged=used_before,
                strip_aged=lambda _: _FREED,
            ),
            Matching(
                database,
                TRANSACTIONS,
                person=lambda order: {**of_person(order), **over()},
                strip=lambda _: _SETTLED,
                aged=lambda order: {
                    "account_id": order.account_id,
                    **over(),
                    "$and": [{"pseudonym": {"$type": "string"}}, {"pseudonym": nobody_held(order)}],
                },
                strip_aged=lambda _: _SETTLED,
                stays=of_person,
            ),
        )

    return all_of


def used_before(order: PrivacyOrdered) -> Document | None:
    """The rows of an account that a purge frees; index `unfreed` of the ledger finds them."""
    if order.before is None:
        return None
    return {
        "account_id": order.account_id,
        "day": {"$lt": day_of(order.before)},
        "$and": [{"pseudonym": {"$type": "string"}}, {"pseudonym": nobody_held(order)}],
    }
