"""The part of `/admin`'s document that is this service's: periods, legal holds, erasures and the proof."""

from __future__ import annotations

from typing import Final

from services.retention.api.problems import KINDS
from services.retention.api.views import (
    ErasureBody,
    HoldBody,
    HoldsView,
    HoldView,
    OrdersView,
    OrderView,
    PoliciesView,
    PolicyBody,
    PolicyView,
    ProofView,
)
from services.retention.order import OrderState
from shared.contracts.openapi.pieces import Json
from shared.contracts.openapi.staff import get, part, post, query

_BODY: Final = ("body_too_large", "invalid_request")
_YES: Final[Json] = {"type": "string", "enum": ["true", "false"]}
_TRIAL: Final = (query("dry_run", "If true: the same answer, and nothing is set.", _YES),)
_CLOSED: Final = (query("closed", "Those that were closed, too.", _YES),)
_OF_ORDERS: Final = (
    query("account", "Of this account alone.", {"type": "string"}),
    query("state", "In this state alone.", {"type": "string", "enum": sorted(OrderState)}),
)
_NUMBER: Final[Json] = {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999}
_AFTER: Final = (query("after", "From the record behind this one.", _NUMBER),)

CALLS: Final = (
    get("policies", "Periods that were set", PoliciesView),
    get("policies/{account}", "An account's period", PolicyView),
    post(
        "policies/{account}",
        "Set it",
        PolicyView,
        *_BODY,
        "not_found",
        "invalid_retention",
        body=PolicyBody,
        query=_TRIAL,
    ),
    get("holds", "Legal holds that stand", HoldsView, query=_CLOSED),
    post(
        "holds",
        "Open a legal hold on an account, or on one person of it",
        HoldView,
        *_BODY,
        "not_found",
        body=HoldBody,
        statuses=(201,),
    ),
    post("holds/{id}/close", "Close it, and order what it kept from being forgotten", HoldView, "not_found"),
    get("orders", "Erasures and purges, the newest first", OrdersView, "invalid_request", query=_OF_ORDERS),
    get("orders/{id}", "One order", OrderView, "not_found"),
    post("orders", "Erase a person of an account", OrderView, *_BODY, "not_found", body=ErasureBody, statuses=(202,)),
    get("proof", "Records of the proof, a thousand behind a number", ProofView, "invalid_request", query=_AFTER),
)


def staff_part() -> Json:
    """The part."""
    return part("privacy", CALLS, KINDS)
