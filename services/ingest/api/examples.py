"""Examples of the door's own calls, for the document. Those of bodies are sent by the tests as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from services.ingest.api.messages import Message, MessageNow, Messages, Quote, Step
from shared.contracts.states import State
from shared.ids import MessageId
from shared.text.segments import Coding

ID: Final = MessageId("019a8f3c-5d7e-7c1a-9b2d-3e4f5a6b0002")
_NUMBER: Final = "+4799999999"

SEND: Final[Mapping[str, dict[str, Any]]] = {
    "one": {"summary": "One message", "value": {"to": _NUMBER, "text": "Timen din er i morgen kl. 09.00."}},
    "many": {
        "summary": "A one-time code to two",
        "value": {
            "to": ["99999999", "0047 999 99 998"],
            "from": "Budstikke",
            "text": "Koden er 1234",
            "category": "otp",
            "valid_for": 300,
        },
    },
}
QUOTE: Final[Mapping[str, dict[str, Any]]] = {"one": {"summary": "Unicode", "value": {"text": "Bună ș"}}}

ACCEPTED: Final = Messages([Message(ID, _NUMBER, State.ACCEPTED, 1, Coding.GSM7)])
NOW: Final = msgspec.to_builtins(
    MessageNow(
        id=ID,
        to=_NUMBER,
        sender="Budstikke",
        state=State.ACCEPTED,
        final=False,
        parts=1,
        coding=Coding.GSM7,
        history=[Step(State.ACCEPTED, datetime(2026, 11, 23, 8, tzinfo=UTC))],
    )
)
QUOTED: Final = Quote(
    parts=1,
    coding=Coding.UCS2,
    units=6,
    unicode_characters=["ă", "ș"],
    unicode_names=["LATIN SMALL LETTER A WITH BREVE", "LATIN SMALL LETTER S WITH COMMA BELOW"],
    unicode_count=2,
)
