"""Incoming messages as webhooks: to endpoints that want them, with all that makes any webhook reliable."""

from __future__ import annotations

import json
from datetime import timedelta

from services.dlr.webhooks.api.bodies import NewEndpoint
from services.dlr.webhooks.endpoints.occasion import Occasion
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.inbound import InboundAction, InboundCoding, InboundId, InboundRouted
from shared.contracts.states import State
from shared.ids import MessageId
from shared.kafka.record import Record
from shared.privacy.keys import quarter_of
from shared.privacy.sealing import Sealer
from simulators.customer.behaviour import Behaviour
from simulators.customer.receiver import Receiver
from tests.integration.dlr.driving import NUMBER
from tests.integration.dlr.webhooks.driving import Telling, record
from tests.support import wait_until
from tests.unit.dlr.building import ACCOUNT, START

ID = InboundId("2f7be1c04d9a4e63a85b90d3c6e1f274")


def incoming(sealer: Sealer, *, webhook: bool = True) -> Record:
    event = InboundRouted(
        inbound_id=ID,
        account_id=ACCOUNT,
        operator="fjord",
        to="2012",
        from_=sealer.seal(ACCOUNT, ID, "from", NUMBER, START),
        content=sealer.seal(ACCOUNT, ID, "content", "PIZZA", START),
        coding=InboundCoding.GSM7,
        pseudonym="2026:00",
        received_at=START,
        action=InboundAction.NONE,
        keyword="pizza",
        webhook=webhook,
    )
    write = Writer("/budstikke/dlr/inbound").output
    return record(write(topics.INBOUND_EVENTS, 1, event, event_id=ID, time=START, subject="2012|2026:00"))


def url(receiver: Receiver, path: str = "/hook") -> str:
    return f"http://127.0.0.1:{receiver.port}{path}"


def _wanting(url: str, *occasions: str) -> NewEndpoint:
    return NewEndpoint(url, [*map(Occasion, occasions)])


def test_every_state_is_an_occasion() -> None:
    assert set(Occasion) == {*map(str, State), "received"}


async def test_an_endpoint_that_wants_them_gets_them_in_the_clear(telling: Telling, receiver: Receiver) -> None:
    await telling.management.create(ACCOUNT, _wanting(url(receiver), "received"), None)
    await telling.management.create(ACCOUNT, _wanting(url(receiver, "/states"), *State), None)

    await telling.handle([incoming(telling.sealer)])

    await wait_until(lambda: len(telling.finished) == 1)
    (delivery,) = receiver.deliveries
    body = json.loads(delivery.body)
    assert (delivery.path, body["type"], body["id"]) == ("/hook", "message.received", ID)
    assert (body["data"]["from"], body["data"]["to"], body["data"]["text"]) == (NUMBER, "2012", "PIZZA")
    assert (body["data"]["keyword"], body["data"]["action"]) == ("pizza", "none")
    assert delivery.headers["webhook-signature"].startswith("v1,")


async def test_one_that_failed_is_parked_sealed_and_tried_again(telling: Telling, receiver: Receiver) -> None:
    endpoint, _ = await telling.management.create(ACCOUNT, _wanting(url(receiver), "received"), None)
    receiver.paths["/hook"] = Behaviour(status=503, times=1)

    await telling.handle([incoming(telling.sealer)])

    await wait_until(lambda: len(telling.finished) == 1)
    (parked,) = await telling.kept(endpoint)
    assert (parked.state, parked.message_id) == (Occasion.RECEIVED, MessageId(ID))
    assert NUMBER[3:].encode() not in parked.payload
    telling.clock.ahead += timedelta(seconds=30)
    assert await telling.sweeper.sweep() == 1
    await wait_until(lambda: receiver.count == 2)
    assert json.loads(receiver.deliveries[1].body)["data"]["text"] == "PIZZA"


async def test_a_keyword_that_tells_nobody_is_not_told(telling: Telling, receiver: Receiver) -> None:
    await telling.management.create(ACCOUNT, _wanting(url(receiver), "received"), None)
    await telling.handle([incoming(telling.sealer, webhook=False)])
    assert len(telling.finished) == 1
    assert receiver.count == 0


async def test_of_an_erased_one_the_endpoint_learns_that_it_was(telling: Telling, receiver: Receiver) -> None:
    await telling.management.create(ACCOUNT, _wanting(url(receiver), "received"), None)
    heard = incoming(telling.sealer)
    telling.sealer._store.destroy(ACCOUNT, quarter_of(START))
    telling.sealer._ciphers.clear()

    await telling.handle([heard])

    await wait_until(lambda: len(telling.finished) == 1)
    data = json.loads(receiver.deliveries[0].body)["data"]
    assert (data["from"], data["text"], data["to"]) == (None, None, "2012")
