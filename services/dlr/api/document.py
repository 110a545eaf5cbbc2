"""The part of the public document that is this service's: what the front door passes on to its role `api`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from services.dlr.api.problems import KINDS
from services.dlr.api.view import ChargeView, MessageView, PartView, StepView
from services.dlr.inbound.api import document as inbound
from services.dlr.webhooks.api import document as webhooks
from services.dlr.webhooks.api import outgoing
from shared.contracts.openapi.pieces import Json, given, parameter, refused, schemas
from shared.contracts.states import State
from shared.contracts.words import Category, Lane
from shared.ids import MessageId
from shared.text.segments import Coding

_AT: Final = datetime(2026, 11, 23, 8, tzinfo=UTC)
_EXAMPLE: Final = MessageView(
    id=MessageId("019a8f3c-5d7e-7c1a-9b2d-3e4f5a6b0002"),
    to="+4799999999",
    sender="Budstikke",
    text="Timen din er i morgen kl. 09.00.",
    reference="order 4711",
    state=State.DELIVERED,
    final=True,
    reason=None,
    permanent=None,
    parts=1,
    coding=Coding.GSM7,
    lane=Lane.STANDARD,
    category=Category.TRANSACTIONAL,
    test=False,
    requested_at=_AT,
    valid_until=_AT.replace(day=25),
    history=tuple(
        StepView(state, _AT.replace(second=second), None)
        for second, state in enumerate((State.ACCEPTED, State.QUEUED, State.SUBMITTED, State.DELIVERED))
    ),
    part_states=(PartView(1, State.DELIVERED, 1, None, "fjord", "000", _AT.replace(second=3)),),
    charge=ChargeView(1, "NO"),
    erased=False,
)


def part() -> Json:
    """The part. What the front door itself may refuse a call with, it adds."""
    return {
        "paths": {"/v1/messages/{id}": {"get": _read()}, **webhooks.paths(), **inbound.paths()},
        "webhooks": outgoing.webhooks(),
        "components": {"schemas": schemas([MessageView, *webhooks.STRUCTS, *outgoing.STRUCTS, *inbound.STRUCTS])},
    }


def _read() -> Json:
    return {
        "operationId": "readMessage",
        "summary": "Read one message",
        "tags": ["messages"],
        "parameters": [parameter("id", "path", "From `POST /v1/messages`.", {"type": "string", "format": "uuid"})],
        "responses": {"200": given("The message.", MessageView, _EXAMPLE), **refused(KINDS)},
    }
