"""Examples of what the management takes and shows, for the document. Structs, so that they cannot be out of shape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from services.dlr.webhooks.api.views import (
    Deliveries,
    DeliveryState,
    DeliveryView,
    Endpoints,
    EndpointView,
    NewEndpointView,
    NewSecretView,
    Notices,
    NoticeView,
    ProbeView,
)
from services.dlr.webhooks.delivery.payload import TEST, InboundData, MessageData, PartData, Payload, ProbeData
from services.dlr.webhooks.endpoints.endpoint import DEFAULT_STATES, EndpointId, Off
from services.dlr.webhooks.endpoints.occasion import Occasion
from shared.contracts.inbound import InboundAction, InboundCoding, InboundId
from shared.contracts.states import State
from shared.ids import MessageId

Json = dict[str, Any]

_AT: Final = datetime(2026, 11, 23, 8, tzinfo=UTC)
_LATER: Final = datetime(2026, 11, 24, 8, tzinfo=UTC)
_ID: Final = EndpointId("whe_5f0c1e7a7d0b4c399f381a2b")
_MESSAGE: Final = MessageId("019a8f3c-5d7e-7c1a-9b2d-3e4f5a6b0002")
_EVENT: Final = f"{_MESSAGE}:4"
_INBOUND: Final = InboundId("2f7be1c04d9a4e63a85b90d3c6e1f274")
_PROBE: Final = "test_5f0c1e7a7d0b4c399f381a2b"
_URL: Final = "https://example.no/sms"
_SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - an example

NEW: Final[Json] = {
    "final": {"summary": "All final states", "value": {"url": _URL}},
    "some": {"summary": "Some states", "value": {"url": _URL, "states": ["submitted", "delivered", "undelivered"]}},
    "incoming": {"summary": "Incoming messages", "value": {"url": _URL, "states": ["received"]}},
}
CHANGES: Final[Json] = {
    "on": {"summary": "Switch it on again", "value": {"enabled": True}},
    "states": {"summary": "Be told of what went wrong alone", "value": {"states": ["undelivered", "failed"]}},
}

SHOWN: Final = EndpointView(_ID, _URL, DEFAULT_STATES, True, None, None, None, _AT, "0123456789abcdef")
MADE: Final = NewEndpointView(_ID, _URL, DEFAULT_STATES, True, None, None, None, _AT, "0123456789abcdef", _SECRET)
LISTED: Final = Endpoints([SHOWN])
NOTICED: Final = Notices([NoticeView(_ID, Off.FAILING, _AT)])
ROTATED: Final = NewSecretView(_SECRET, _LATER)
TRIED: Final = ProbeView(_PROBE, True, 204, None, 38)
HISTORY: Final = Deliveries(
    [
        DeliveryView(
            id="whd_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            event_id=_EVENT,
            message_id=_MESSAGE,
            message_state=Occasion.DELIVERED,
            state=DeliveryState.PARKED,
            attempts=3,
            at=_AT,
            status=503,
            failure=None,
            next_at=_LATER,
            end=None,
        )
    ],
    "MTc5NTUwNzIwMDAwMC53aGRfMGYx",
)

TOLD: Final = Payload(
    _EVENT,
    "message.delivered",
    _AT,
    MessageData(
        id=_MESSAGE,
        to="+4799999999",
        reference="order 4711",
        state=State.DELIVERED,
        previous=State.SUBMITTED,
        final=True,
        reason=None,
        permanent=None,
        sequence=4,
        parts=1,
        part_states=(PartData(1, State.DELIVERED),),
        operator="fjord",
        operator_code="000",
        price=None,
        at=_AT,
        test=False,
    ),
)
HEARD: Final = Payload(
    _INBOUND,
    "message.received",
    _AT,
    InboundData(
        id=_INBOUND,
        to="2012",
        from_="+4799999999",
        text="BLOMST",
        coding=InboundCoding.GSM7,
        received_at=_AT,
        keyword="blomst",
        action=InboundAction.REPLY,
        reply_id=_MESSAGE,
        transaction_id=None,
        parts=1,
        missing_parts=(),
    ),
)
PROBED: Final = Payload(_PROBE, TEST, _AT, ProbeData(_ID))
