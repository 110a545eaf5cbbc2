"""What the management shows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from services.dlr.webhooks.client.outcome import Failure, Outcome
from services.dlr.webhooks.delivery.delivery import Delivery
from services.dlr.webhooks.delivery.history import Success
from services.dlr.webhooks.delivery.schedule import End
from services.dlr.webhooks.endpoints.endpoint import Endpoint, EndpointId, Notice, Off, is_callbacks
from services.dlr.webhooks.endpoints.occasion import Occasion
from shared.ids import MessageId

CALLBACKS = EndpointId("callbacks")
"""How the endpoint of an account's callbacks is named to its owner."""


class EndpointView(msgspec.Struct, frozen=True):
    """An endpoint. `off` says why it is switched off; `failing_since` is the first failure in a row."""

    id: EndpointId
    url: str | None
    states: tuple[Occasion, ...]
    enabled: bool
    off: Off | None
    off_since: datetime | None
    failing_since: datetime | None
    created_at: datetime
    created_by: str | None


class Endpoints(msgspec.Struct, frozen=True):
    """All endpoints of an account, the oldest first."""

    webhooks: list[EndpointView]


class NewEndpointView(EndpointView, frozen=True):
    """A new endpoint with its secret, which is shown this once."""

    secret: str


class NewSecretView(msgspec.Struct, frozen=True):
    """A new secret, shown this once; those before it sign beside it until `old_until`."""

    secret: str
    old_until: datetime


class ProbeView(msgspec.Struct, frozen=True):
    """What came of a test event: a `status`, or a `failure` that says why there is none."""

    id: str
    delivered: bool
    status: int | None
    failure: Failure | None
    milliseconds: int


class DeliveryState(StrEnum):
    """How a delivery stands."""

    DELIVERED = "delivered"
    PARKED = "parked"
    DEAD = "dead"


class DeliveryView(msgspec.Struct, frozen=True):
    """One delivery: `delivered`, `parked` (tried again at `next_at`) or `dead` (because of `end`).

    `at`, `status` and `failure` are those of the last attempt.
    """

    id: str
    event_id: str
    message_id: MessageId
    message_state: Occasion
    state: DeliveryState
    attempts: int
    at: datetime
    status: int | None
    failure: Failure | None
    next_at: datetime | None
    end: End | None


class Deliveries(msgspec.Struct, frozen=True):
    """A page. `cursor` leads to older ones; null: this is the last."""

    deliveries: list[DeliveryView]
    cursor: str | None


class NoticeView(msgspec.Struct, frozen=True):
    """An endpoint was switched off by us."""

    endpoint_id: EndpointId
    reason: Off
    at: datetime


class Notices(msgspec.Struct, frozen=True):
    """Notices of an account, the newest first."""

    notices: list[NoticeView]


def shown_id(endpoint: EndpointId) -> EndpointId:
    """An endpoint's id as its owner sees it."""
    return CALLBACKS if is_callbacks(endpoint) else endpoint


def endpoint_view(endpoint: Endpoint) -> EndpointView:
    """An endpoint without its secrets."""
    return EndpointView(
        id=shown_id(endpoint.id),
        url=endpoint.url or None,
        states=endpoint.states,
        enabled=endpoint.off is None,
        off=endpoint.off,
        off_since=endpoint.off_since,
        failing_since=endpoint.failing_since,
        created_at=endpoint.created_at,
        created_by=endpoint.created_by,
    )


def created_view(endpoint: Endpoint, secret: str) -> NewEndpointView:
    """A new endpoint with its secret."""
    return NewEndpointView(**msgspec.structs.asdict(endpoint_view(endpoint)), secret=secret)


def outcome_view(event_id: str, outcome: Outcome) -> ProbeView:
    """The outcome of a test."""
    milliseconds = int(outcome.seconds * 1000)
    return ProbeView(event_id, outcome.ok, outcome.status or None, outcome.failure, milliseconds)


def kept_view(delivery: Delivery) -> DeliveryView:
    """One that is parked or dead."""
    last = delivery.last
    return DeliveryView(
        id=delivery.id,
        event_id=delivery.event_id,
        message_id=delivery.message_id,
        message_state=delivery.state,
        state=DeliveryState(delivery.standing.value),
        attempts=delivery.attempts,
        at=delivery.created_at if last is None else last.at,
        status=(last.status or None) if last else None,
        failure=last.failure if last else None,
        next_at=delivery.due if delivery.end is None else None,
        end=delivery.end,
    )


def delivered_view(success: Success) -> DeliveryView:
    """One that the customer has."""
    return DeliveryView(
        id=success.id,
        event_id=success.event_id,
        message_id=success.message_id,
        message_state=success.state,
        state=DeliveryState.DELIVERED,
        attempts=success.attempts,
        at=success.at,
        status=success.status,
        failure=None,
        next_at=None,
        end=None,
    )


def notice_view(notice: Notice) -> NoticeView:
    """A notice."""
    return NoticeView(notice.endpoint_id, notice.reason, notice.at)
