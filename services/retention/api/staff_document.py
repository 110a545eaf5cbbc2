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
from shared.contracts.openapi.staff import Call, part, query

_BODY: Final = ("body_too_large", "invalid_request")
_YES: Final[Json] = {"type": "string", "enum": ["true", "false"]}

CALLS: Final = (
    Call(method="GET", path="policies", summary="Periods that were set", answers={200: PoliciesView}),
    Call(method="GET", path="policies/{account}", summary="An account's period", answers={200: PolicyView}),
    Call(
        method="POST",
        path="policies/{account}",
        summary="Set it",
        answers={200: PolicyView},
        codes=(*_BODY, "invalid_retention"),
        query=(query("dry_run", "If true: the same answer, and nothing is set.", _YES),),
        body=PolicyBody,
    ),
    Call(
        method="GET",
        path="holds",
        summary="Legal holds that stand",
        answers={200: HoldsView},
        query=(query("closed", "Those that were closed, too.", _YES),),
    ),
    Call(
        method="POST",
        path="holds",
        summary="Open a legal hold on an account, or on one person of it",
        answers={201: HoldView},
        codes=_BODY,
        body=HoldBody,
    ),
    Call(
        method="POST",
        path="holds/{id}/close",
        summary="Close it, and order what it kept from being forgotten",
        answers={200: HoldView},
        codes=("not_found",),
    ),
    Call(
        method="GET",
        path="orders",
        summary="Erasures and purges, the newest first",
        answers={200: OrdersView},
        codes=("invalid_request",),
        query=(
            query("account", "Of this account alone.", {"type": "string"}),
            query("state", "In this state alone.", {"type": "string", "enum": sorted(OrderState)}),
        ),
    ),
    Call(method="GET", path="orders/{id}", summary="One order", answers={200: OrderView}, codes=("not_found",)),
    Call(
        method="POST",
        path="orders",
        summary="Erase a person of an account",
        answers={202: OrderView},
        codes=_BODY,
        body=ErasureBody,
    ),
    Call(
        method="GET",
        path="proof",
        summary="Records of the proof, a thousand behind a number",
        answers={200: ProofView},
        codes=("invalid_request",),
        query=(
            query(
                "after",
                "From the record behind this one.",
                {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999},
            ),
        ),
    ),
)


def staff_part() -> Json:
    """The part."""
    return part("privacy", CALLS, KINDS)
