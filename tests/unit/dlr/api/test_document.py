"""What the service says of its calls in the public document is what it serves, and what it sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from services.dlr.api.document import part
from services.dlr.api.messages import MessageReads
from services.dlr.inbound.api.problems import KINDS as INBOUND_KINDS
from services.dlr.inbound.api.routes import InboundRoutes
from services.dlr.webhooks.api.problems import KINDS
from services.dlr.webhooks.api.routes import WebhookRoutes
from services.dlr.webhooks.delivery.payload import render, render_test
from shared.clock import ManualClock
from shared.contracts.events import MessageStatusChanged
from shared.contracts.inbound import InboundAction, InboundCoding, InboundId, InboundRouted
from shared.contracts.states import State
from shared.ids import MessageId
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from tests.unit.dlr.building import ACCOUNT, START

NOBODY: Any = None
MESSAGE = MessageId("019a8f3c-5d7e-7c1a-9b2d-3e4f5a6b0002")
INBOUND = InboundId("2f7be1c04d9a4e63a85b90d3c6e1f274")
PART = msgspec.json.decode(msgspec.json.encode(part()))


def test_every_route_is_documented_and_nothing_else() -> None:
    routes = [
        *MessageReads(NOBODY, NOBODY, b"", NOBODY).routes(),
        *WebhookRoutes(NOBODY, NOBODY, NOBODY, NOBODY, b"", NOBODY).routes(),
        *InboundRoutes(NOBODY, NOBODY, NOBODY, b"", NOBODY).routes(),
    ]
    served = {
        (method.lower(), route.path.removeprefix("/internal"))
        for route in routes
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert served == {(method, path) for path, calls in PART["paths"].items() for method in calls}


def test_every_code_is_documented() -> None:
    named = {
        code
        for calls in PART["paths"].values()
        for call in calls.values()
        for status, response in call["responses"].items()
        if status >= "400"
        for code in response["content"]["application/problem+json"]["examples"]
    }
    assert named == {*KINDS, *INBOUND_KINDS}


@pytest.mark.parametrize("name", ["messageStatus", "messageReceived", "test"])
def test_what_is_sent_has_the_shape_that_is_documented(name: str, tmp_path: Path) -> None:
    content = PART["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]
    validator = Draft202012Validator(
        {**content["schema"], "components": PART["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    validator.validate(msgspec.json.decode(sent(name, Sealer(FileKeyStore(tmp_path), ManualClock(START)))))
    validator.validate(content["example"])


def sent(name: str, sealer: Sealer) -> bytes:
    """The body of a call of ours."""
    if name == "test":
        return render_test("test_1", "whe_1", START)
    if name == "messageReceived":
        return render(INBOUND, incoming(sealer), sealer)
    to = sealer.seal(ACCOUNT, MESSAGE, "to", "+4799999999", START)
    event = MessageStatusChanged(
        message_id=MESSAGE, account_id=ACCOUNT, to=to, state=State.DELIVERED, sequence=4, at=START
    )
    return render(f"{MESSAGE}:4", event, sealer)


def incoming(sealer: Sealer) -> InboundRouted:
    """A part of a long message."""
    return InboundRouted(
        inbound_id=INBOUND,
        account_id=ACCOUNT,
        operator="fjord",
        to="2012",
        from_=sealer.seal(ACCOUNT, INBOUND, "from", "+4799999999", START),
        content=sealer.seal(ACCOUNT, INBOUND, "content", "BLOMST", START),
        coding=InboundCoding.GSM7,
        pseudonym="2026:00",
        received_at=START,
        action=InboundAction.REPLY,
        keyword="blomst",
        reply_id=MESSAGE,
        parts=2,
        missing_parts=(1,),
    )
