"""A delivery that did not succeed at once: the document of what is parked or dead."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

from services.dlr.webhooks.client.outcome import Failure
from services.dlr.webhooks.delivery.schedule import End
from services.dlr.webhooks.endpoints.endpoint import EndpointId
from services.dlr.webhooks.endpoints.occasion import Occasion
from shared.ids import AccountId, MessageId

DeliveryId = NewType("DeliveryId", str)


class Standing(StrEnum):
    """How a delivery stands."""

    PARKED = "parked"
    DEAD = "dead"


class Last(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of the last attempt."""

    at: datetime
    status: int = 0
    failure: Failure | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event for one endpoint. `payload` is the event as it lay on its topic, what it holds of people sealed;
    `message_id` is the id of the message, or of the incoming one.

    `due` is when it may be claimed next: whoever claims moves it ahead and leaves a mark in `claim`. `url` is set for
    callbacks only. `first_at` begins the 24 hours, anew with each replay.
    """

    id: DeliveryId = msgspec.field(name="_id")
    account_id: AccountId
    endpoint_id: EndpointId
    channel: str
    event_id: str
    message_id: MessageId
    state: Occasion
    payload: bytes
    created_at: datetime
    first_at: datetime
    standing: Standing
    attempts: int
    due: datetime | None = None
    claim: str | None = None
    url: str | None = None
    last: Last | None = None
    end: End | None = None
    dead_at: datetime | None = None


def delivery_id(event_id: str, endpoint_id: EndpointId, url: str | None) -> DeliveryId:
    """The same event for the same endpoint (or callback URL) is the same delivery."""
    name = f"{event_id}|{endpoint_id}|{url or ''}"
    return DeliveryId(f"whd_{hashlib.sha256(name.encode()).hexdigest()[:32]}")
