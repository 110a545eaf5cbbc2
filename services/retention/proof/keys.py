"""Keys of quarters of which nothing may live any more: destroyed when everybody has purged what was older."""

from __future__ import annotations

from services.retention.order import Order
from shared.contracts.privacy import Basis, OrderKind
from shared.privacy.holds import Held
from shared.privacy.keys import TIMELESS, KeyStore, quarter_of

Destroyed = tuple[int, int]
"""How many quarters of an account have no key any more, and how many keep theirs for a legal hold."""


def destroy_keys(keys: KeyStore, order: Order, held: Held) -> Destroyed | None:
    """Destroy what an order that everybody has carried out leaves to nothing; None for an erasure. A repeat is nothing.

    A row is purged by its own time, and what it holds was sealed no earlier: behind a purge nothing is left that was
    sealed in a quarter that ended before the purge's time. The rows of people under a legal hold are, so their account
    keeps all keys. With the end of the relation the key of no time goes as well.
    """
    event = order.event
    if event is None or event.kind is not OrderKind.PURGE or event.before is None:
        return None
    over = quarter_of(event.before)
    last = order.basis is Basis.END_OF_RELATION
    known = keys.quarters(order.account_id)
    due = [quarter for quarter in known if quarter < over and (quarter != TIMELESS or last)]
    living = [quarter for quarter in due if known[quarter]]
    if held.everything or held.pseudonyms or event.held:
        return len(due) - len(living), len(living)
    for quarter in living:
        keys.destroy(order.account_id, quarter)
    return len(due), 0
