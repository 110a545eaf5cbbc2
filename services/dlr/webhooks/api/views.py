"""What the management shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.dlr.webhooks.client.outcome import Failure, Outcome
from services.dlr.webhooks.delivery.delivery import Delivery
from services.dlr.webhooks.delivery.history import Success
from services.dlr.webhooks.delivery.schedule import End
from services.dlr.webhooks.endpoints.endpoint import Endpoint, EndpointId, Notice, Off, is_callbacks
from shared.contracts.states import State
from shared.ids import MessageId

CALLBACKS = EndpointId("callbacks")
"""How the endpoint of an account's callbacks is named to its owner."""


class EndpointView(msgspec.Struct, frozen=True):
    """An endpoint. `off` says why it is switched off; `failing_since` is the first failure in a row."""

    id: EndpointId
    url: str | None
    states: tuple[State, ...]
    enabled: bool
    off: Off | None
    off_since: datetime | None
    failing_since: datetime | None
    created_at: datetime
    created_by: str | None


class CreatedView(EndpointView, frozen=True):
    """The same with its secret, which is shown this once."""

    secret: str


class SecretView(msgspec.Struct, frozen=True):
    """A new secret, shown this once; those before it sign beside it until `old_until`."""

    secret: str
    old_until: datetime


class ProbeView(msgspec.Struct, frozen=True):
    """What came of a test event."""

    id: str
    delivered: bool
    status: int | None
    failure: Failure | None
    milliseconds: int


class DeliveryView(msgspec.Struct, frozen=True):
    """One delivery: `delivered`, `parked` (tried again at `next_at`) or `dead` (because of `end`)."""

    id: str
    event_id: str
    message_id: MessageId
    message_state: State
    state: str
    attempts: int
    at: datetime
    status: int | None
    failure: Failure | None
    next_at: datetime | None
    end: End | None


class NoticeView(msgspec.Struct, frozen=True):
    """An endpoint was switched off by us."""

    endpoint_id: EndpointId
    reason: Off
    at: datetime


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


def created_view(endpoint: Endpoint, secret: str) -> CreatedView:
    """A new endpoint with its secret."""
    return CreatedView(**msgspec.structs.asdict(endpoint_view(endpoint)), secret=secret)


def outcome_view(event_id: str, outcome: Outcome) -> ProbeView:
    """The outcome of a test."""
    milliseconds = int(outcome.seconds * 1000)
    return ProbeView(event_id, outcome.ok, outcome.status or None, outcome.failure, milliseconds)


def delivery_views(deliveries: Sequence[Delivery], successes: Sequence[Success]) -> list[DeliveryView]:
    """Parked and dead ones with the successes, the newest first."""
    views = [
        DeliveryView(
            id=one.id,
            event_id=one.event_id,
            message_id=one.message_id,
            message_state=one.state,
            state=one.standing.value,
            attempts=one.attempts,
            at=one.created_at if one.last is None else one.last.at,
            status=(one.last.status or None) if one.last else None,
            failure=one.last.failure if one.last else None,
            next_at=one.due if one.end is None else None,
            end=one.end,
        )
        for one in deliveries
    ]
    views += [
        DeliveryView(
            id=one.id,
            event_id=one.event_id,
            message_id=one.message_id,
            message_state=one.state,
            state="delivered",
            attempts=one.attempts,
            at=one.at,
            status=one.status,
            failure=None,
            next_at=None,
            end=None,
        )
        for one in successes
    ]
    return sorted(views, key=lambda view: view.at, reverse=True)


def notice_view(notice: Notice) -> NoticeView:
    """A notice."""
    return NoticeView(notice.endpoint_id, notice.reason, notice.at)
