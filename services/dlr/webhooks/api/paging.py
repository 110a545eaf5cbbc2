"""Pages of an endpoint's history. Pure.

A delivery stands where it was parked or succeeded, which no later attempt changes: what is shown on one page is not
shown again on the next, and what comes meanwhile stands before both.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.dlr.webhooks.api.views import Deliveries, delivered_view, kept_view
from services.dlr.webhooks.delivery.delivery import Delivery
from services.dlr.webhooks.delivery.history import Success
from shared import cursors
from shared.cursors import Place


def page(kept: Sequence[Delivery], successes: Sequence[Success], limit: int, behind: Place | None) -> Deliveries:
    """One page, the newest first. `kept` is one more than a page holds, if there are so many behind the place."""
    found = [(cursors.place(one.created_at, one.id), kept_view(one)) for one in kept]
    found += [(cursors.place(one.at, one.id), delivered_view(one)) for one in successes]
    found = sorted((one for one in found if behind is None or one[0] < behind), key=lambda one: one[0], reverse=True)
    shown, more = cursors.cut(found, limit)
    return Deliveries(
        deliveries=[view for _, view in shown],
        cursor=cursors.behind(*shown[-1][0]) if more else None,
    )
