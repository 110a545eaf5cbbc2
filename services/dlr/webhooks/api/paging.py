"""Pages of an endpoint's history. Pure.

A delivery stands where it was parked or succeeded, which no later attempt changes: what is shown on one page is not
shown again on the next, and what comes meanwhile stands before both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from services.dlr.webhooks.api.bodies import invalid_query
from services.dlr.webhooks.api.views import Deliveries, delivered_view, kept_view
from services.dlr.webhooks.delivery.delivery import Delivery
from services.dlr.webhooks.delivery.history import Success
from services.dlr.webhooks.delivery.store import Place
from shared import cursors

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def page(kept: Sequence[Delivery], successes: Sequence[Success], limit: int, behind: Place | None) -> Deliveries:
    """One page, the newest first. `kept` is one more than a page holds, if there are so many behind the place."""
    found = [(_place(one.created_at, one.id), kept_view(one)) for one in kept]
    found += [(_place(one.at, one.id), delivered_view(one)) for one in successes]
    found = sorted((one for one in found if behind is None or one[0] < behind), key=lambda one: one[0], reverse=True)
    shown, more = cursors.cut(found, limit)
    return Deliveries(
        deliveries=[view for _, view in shown],
        cursor=_cursor(shown[-1][0]) if more else None,
    )


def place_of(cursor: str | None) -> Place | None:
    """The place that a cursor stands behind. Raises `Refused` (`invalid_request`) for one that no page gave out."""
    if cursor is None:
        return None
    try:
        milliseconds, _, delivery_id = cursors.decode(cursor).partition(".")
        return Place(_EPOCH + int(milliseconds) * _MILLISECOND, delivery_id)
    except (ValueError, OverflowError):
        raise invalid_query("cursor", "invalid_cursor", "is none that a list gave") from None


def _place(at: datetime, delivery_id: str) -> Place:
    """As precise as the database keeps times."""
    return Place(_EPOCH + (at - _EPOCH) // _MILLISECOND * _MILLISECOND, delivery_id)


def _cursor(place: Place) -> str:
    return cursors.encode(f"{(place.at - _EPOCH) // _MILLISECOND}.{place.id}")
