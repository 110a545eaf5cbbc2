"""The part of the public document that is this service's: an account's period, and the erasure of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from services.retention.api.problems import KINDS
from services.retention.api.views import OrderView, PolicyBody, PolicyView, RequestBody
from services.retention.order import OrderState
from services.retention.policy import DEFAULT_MONTHS
from shared.contracts.openapi.pieces import Json, given, parameter, refused, schemas, taken
from shared.contracts.privacy import Basis, OrderKind


class Requests(msgspec.Struct, frozen=True):
    """Erasures of an account, the newest first."""

    requests: tuple[OrderView, ...]


_AT: Final = datetime(2026, 11, 23, 8, tzinfo=UTC)
_BEFORE: Final = datetime(2024, 11, 23, 23, tzinfo=UTC)
_POLICY: Final = PolicyView("demo", 24, DEFAULT_MONTHS, "Complaints may come for two years.", _AT, _BEFORE)
_REQUEST: Final = OrderView(
    id="erase-demo-2026-11-23-5f0c1e7a7d0b4c399f381a2b",
    account="demo",
    kind=OrderKind.ERASE,
    basis=Basis.REQUEST,
    state=OrderState.OPEN,
    ordered_at=_AT,
    finished_at=None,
    waits_for=("billing", "dispatch", "ingest"),
    counts={"dlr": {"messages": (12, 0), "opt_outs": (1, 1)}},
    refused_in_part=False,
)
_BODY: Final = ("body_too_large", "invalid_request")


def part() -> Json:
    """The part. What the front door itself may refuse a call with, it adds."""
    return {
        "paths": {
            "/v1/retention": {
                "get": _call(
                    "readRetention",
                    "How long what is about your messages is kept",
                    {"200": given("The period.", PolicyView, _POLICY)},
                ),
                "put": _call(
                    "setRetention",
                    "Set how long it is kept",
                    {"200": given("The period as it is now.", PolicyView, _POLICY)},
                    (*_BODY, "invalid_retention"),
                    "It acts at the next nightly purge. A shorter period deletes what is older, for ever; a longer one "
                    "brings nothing back. Look first, with `dry_run`: `deletes_before` says what would go. The end of "
                    "the agreement shortens it to three months.",
                    parameters=[
                        parameter(
                            "dry_run",
                            "query",
                            "If true: the same answer, and nothing is set.",
                            {"type": "boolean", "default": False},
                        )
                    ],
                    body=taken(
                        PolicyBody,
                        {
                            "long": {
                                "summary": "Longer than the default",
                                "value": {"months": 24, "reason": "Complaints may come for two years."},
                            }
                        },
                    ),
                ),
            },
            "/v1/privacy/requests": {
                "get": _call(
                    "listPrivacyRequests",
                    "List the erasures that were asked for",
                    {"200": given("At most 200, the newest first.", Requests, Requests((_REQUEST,)))},
                ),
                "post": _call(
                    "erasePerson",
                    "Erase a person",
                    {"202": given("It is ordered; within a minute it is the same request.", OrderView, _REQUEST)},
                    _BODY,
                    "Everything about the number in this account goes, and never comes back; what comes of the person "
                    "after the request is new, and takes another. The number itself is "
                    "kept nowhere. An opt-out stays, as a pseudonym; charges stay, without the person.",
                    body=taken(RequestBody, {"number": {"summary": "By number", "value": {"number": "+4799999999"}}}),
                ),
            },
            "/v1/privacy/requests/{id}": {
                "get": _call(
                    "readPrivacyRequest",
                    "How far an erasure is",
                    {"200": given("The request.", OrderView, _REQUEST)},
                    ("not_found",),
                    parameters=[parameter("id", "path", "Of the request.", {"type": "string"})],
                )
            },
        },
        "components": {"schemas": schemas([PolicyView, PolicyBody, RequestBody, OrderView, Requests])},
    }


def _call(
    operation_id: str,
    summary: str,
    answers: Json,
    codes: Sequence[str] = (),
    description: str = "",
    parameters: Sequence[Json] = (),
    body: Json | None = None,
) -> Json:
    optional = {"description": description, "parameters": list(parameters), "requestBody": body}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["privacy"],
        **{name: value for name, value in optional.items() if value},
        "responses": {**answers, **refused({code: KINDS[code] for code in codes})},
    }
