"""What the public document says of `/v1/webhooks`, as it is behind the front door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.dlr.webhooks.api import examples
from services.dlr.webhooks.api.bodies import EndpointChange, NewEndpoint
from services.dlr.webhooks.api.problems import KINDS
from services.dlr.webhooks.api.routes import MOST_ON_A_PAGE
from services.dlr.webhooks.api.views import (
    CALLBACKS,
    Deliveries,
    DeliveryState,
    Endpoints,
    EndpointView,
    NewEndpointView,
    NewSecretView,
    Notices,
    ProbeView,
)
from services.dlr.webhooks.delivery.history import MOST
from shared.contracts.openapi.pieces import Json, given, parameter, refused, taken

STRUCTS: Final = (
    NewEndpoint,
    EndpointChange,
    EndpointView,
    Endpoints,
    NewEndpointView,
    NewSecretView,
    ProbeView,
    Deliveries,
    Notices,
)
"""Whose schemas the calls refer to."""

_ID: Final = parameter("id", "path", "`whe_…`", {"type": "string", "pattern": "^whe_[0-9a-f]{24}$"})
_ID_OR_CALLBACKS: Final = parameter(
    "id",
    "path",
    f"`whe_…`; or `{CALLBACKS}`, for what goes to the `callback_url` of messages.",
    {"type": "string", "pattern": f"^(whe_[0-9a-f]{{24}}|{CALLBACKS})$"},
)
_DELIVERY_ID: Final = parameter(
    "delivery", "path", "`whd_…`, from the history.", {"type": "string", "pattern": "^whd_[0-9a-f]{32}$"}
)
_QUERY: Final = (
    parameter("state", "query", "Only these.", {"type": "string", "enum": [state.value for state in DeliveryState]}),
    parameter(
        "limit",
        "query",
        "Most on a page.",
        {"type": "integer", "minimum": 1, "maximum": MOST_ON_A_PAGE, "default": MOST},
    ),
    parameter("cursor", "query", "`cursor` of the page before, as it is.", {"type": "string"}),
)
_BODY: Final = ("body_too_large", "invalid_json", "invalid_request")


def paths() -> Json:
    """The calls. What the front door refuses itself, it adds."""
    return {
        "/v1/webhooks": {
            "get": _call(
                "listWebhooks",
                "List all endpoints",
                {"200": given("All of the account, the oldest first.", Endpoints, examples.LISTED)},
            ),
            "post": _call(
                "createWebhook",
                "Make an endpoint",
                {"201": given("The endpoint; the secret is shown this once.", NewEndpointView, examples.MADE)},
                description="Without `states` it is told of all final ones. What it is told is signed as Standard "
                "Webhooks have it, and repeated for 24 hours until the answer is 2xx.",
                body=taken(NewEndpoint, examples.NEW),
                codes=("too_many_endpoints", *_BODY),
            ),
        },
        "/v1/webhooks/notices": {
            "get": _call(
                "listNotices",
                "List the endpoints that we switched off",
                {"200": given("Those of the last 90 days, the newest first.", Notices, examples.NOTICED)},
            ),
        },
        "/v1/webhooks/{id}": {
            "get": _call(
                "readWebhook",
                "Read an endpoint",
                {"200": given("The endpoint, without its secret.", EndpointView, examples.SHOWN)},
                parameters=[_ID],
                codes=("not_found",),
            ),
            "patch": _call(
                "changeWebhook",
                "Change an endpoint, switch it off or on",
                {"200": given("The endpoint as it is now.", EndpointView, examples.SHOWN)},
                description="What is not named stays. `enabled: true` also ends a switching off by us.",
                parameters=[_ID],
                body=taken(EndpointChange, examples.CHANGES),
                codes=("not_found", *_BODY),
            ),
            "delete": _call(
                "deleteWebhook",
                "Delete an endpoint",
                {"204": {"description": "It is gone. What was parked for it ends as `switched_off`."}},
                parameters=[_ID],
                codes=("not_found",),
            ),
        },
        "/v1/webhooks/{id}/rotate-secret": {
            "post": _call(
                "rotateWebhookSecret",
                "Make a new secret, beside which the old one signs for 24 hours",
                {"200": given("The secret, shown this once.", NewSecretView, examples.ROTATED)},
                description=f"The first secret of `{CALLBACKS}` is made here; until then they are not signed.",
                parameters=[_ID_OR_CALLBACKS],
                codes=("not_found",),
            ),
        },
        "/v1/webhooks/{id}/test": {
            "post": _call(
                "testWebhook",
                "Send a test event now, and see what comes of it",
                {"200": given("What came of it, within five seconds.", ProbeView, examples.TRIED)},
                description="It is sent to an endpoint that is switched off, too. Nothing of it is kept.",
                parameters=[_ID],
                codes=("not_found", "invalid_request"),
            ),
        },
        "/v1/webhooks/{id}/deliveries": {
            "get": _call(
                "listDeliveries",
                "The history of an endpoint: delivered, parked, dead",
                {"200": given("A page, the newest first.", Deliveries, examples.HISTORY)},
                description="In the order in which they were parked, or succeeded at once. Dead ones are kept for 30 "
                f"days; of the successes of seven days the last {MOST}.",
                parameters=[_ID_OR_CALLBACKS, *_QUERY],
                codes=("not_found", "invalid_request"),
            ),
        },
        "/v1/webhooks/{id}/deliveries/{delivery}/replay": {
            "post": _call(
                "replayDelivery",
                "Try again what is parked or dead",
                {"202": {"description": "It is due now, and has 24 hours again."}},
                parameters=[_ID_OR_CALLBACKS, _DELIVERY_ID],
                codes=("not_found",),
            ),
        },
    }


def _call(
    operation_id: str,
    summary: str,
    answers: Json,
    *,
    description: str = "",
    parameters: Sequence[Json] = (),
    body: Json | None = None,
    codes: Sequence[str] = (),
) -> Json:
    optional = {"description": description, "parameters": list(parameters), "requestBody": body}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["webhooks"],
        **{name: value for name, value in optional.items() if value},
        "responses": {**answers, **refused({code: KINDS[code] for code in codes})},
    }
