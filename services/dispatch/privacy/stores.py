"""The stores of dispatch with personal data, and how each forgets.

Of a message whose outcome nobody knows, number and text are taken out; the sweeper then closes it and deletes the row.
Intents and outcomes of parts hold message ids, and go after 30 days by themselves. A premium transaction that is not
settled keeps its pseudonym until it is: it is looked at again while the order is. After 400 days the whole row goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from services.dispatch.strex.row import Step
from services.dispatch.strex.store import KEPT
from shared.clock import Clock
from shared.privacy.participant import Matching, Store
from shared.privacy.participant.selecting import nobody_held, of_person, older
from shared.privacy.sealing import TAKEN_OUT
from shared.stores.mongodb import Database

_ACCOUNT: Final = "event.account_id"
_PSEUDONYM: Final = "event.pseudonym"
_AT: Final = "event.ordered_at"
_FREED: Final = {
    "$unset": dict.fromkeys((_PSEUDONYM, "event.reference", "event.consent.reference"), ""),
    "$inc": {"version": 1},
}
"""Who it was goes, and what the seller wrote, which may say so. A consent by code or by message is found without its
reference: that is the id of the row, or stands in `inbound_id`.
"""
_MESSAGE: Final = "order.message"
_UNSENT: Final = {
    "$set": {f"{_MESSAGE}.to": TAKEN_OUT, f"{_MESSAGE}.content": TAKEN_OUT, f"{_MESSAGE}.pseudonym": ""},
    "$unset": {f"{_MESSAGE}.reference": "", f"{_MESSAGE}.consent_ref": ""},
}
_SETTLED: Final = {"step": Step.CLOSED.value}


def stores(clock: Clock) -> Callable[[Database], Sequence[Store]]:
    """The stores in a database, in the order in which they forget."""

    def all_of(database: Database) -> Sequence[Store]:
        return (
            Matching(
                database,
                "unknowns",
                person=lambda order: of_person(
                    order, f"{_MESSAGE}.account_id", f"{_MESSAGE}.pseudonym", at=f"{_MESSAGE}.requested_at"
                ),
                strip=lambda _: _UNSENT,
            ),
            Matching(
                database,
                "premium",
                name="premium.old",
                aged=lambda order: {
                    _ACCOUNT: order.account_id,
                    _AT: {"$lt": clock.now() - KEPT},
                    _PSEUDONYM: nobody_held(order),
                },
            ),
            Matching(
                database,
                "premium",
                person=lambda order: {**of_person(order, _ACCOUNT, _PSEUDONYM, at=_AT), **_SETTLED},
                strip=lambda _: _FREED,
                aged=lambda order: {
                    **older(order, _AT, _ACCOUNT, _PSEUDONYM),
                    **_SETTLED,
                    "$and": [{_PSEUDONYM: {"$exists": True}}],
                },
                strip_aged=lambda _: _FREED,
                stays=lambda order: of_person(order, _ACCOUNT, _PSEUDONYM, at=_AT),
            ),
        )

    return all_of
