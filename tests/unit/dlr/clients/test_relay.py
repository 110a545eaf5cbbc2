"""Statuses go to the topics of those accounts that have some, in the form of a webhook."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from services.dlr.clients.pairs import Pairs
from services.dlr.clients.relay import Relay
from services.dlr.clients.whose import whose
from shared.clock import ManualClock, SystemClock
from shared.contracts.codec import Writer
from shared.contracts.events import Event, MessageCorrected, MessageStatusChanged, PassedState
from shared.contracts.inbound import InboundAction, InboundCoding, InboundId, InboundRouted
from shared.contracts.states import State
from shared.contracts.topics import EVENTS
from shared.contracts.words import ReceiptState
from shared.errors import BadRecord, TryLater
from shared.ids import AccountId, MessageId
from shared.kafka.record import Output, Received
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from tests.integration.dlr.driving import landed

ACME, OTHER = AccountId("acme"), AccountId("other")
MESSAGE = MessageId("0190163d-8694-739b-aea5-966c26f8ad91")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

_write = Writer("/budstikke/dlr/status").output


class Topics:
    """What the broker has, and what was written to it."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.asked = 0
        self.sent: list[Output] = []
        self.broken = False

    async def ask(self, topics: Sequence[str]) -> Mapping[str, int]:
        self.asked += 1
        return {name: self.known[name] for name in topics if name in self.known}

    async def send(self, outputs: Sequence[Output]) -> None:
        if self.broken or any(output.topic not in self.known for output in outputs):
            raise TryLater("kafka_unknown_topic", "gone")
        self.sent += outputs


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    return Sealer(FileKeyStore(tmp_path), SystemClock())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
def relay(topics: Topics, clock: ManualClock, sealer: Sealer) -> Relay:
    return Relay(Pairs(topics.ask, clock), topics.send, sealer)


def changed(sealer: Sealer, account: AccountId = ACME, state: State = State.DELIVERED) -> MessageStatusChanged:
    return MessageStatusChanged(
        message_id=MESSAGE,
        account_id=account,
        to=sealer.seal(account, MESSAGE, "to", "+4790000001", AT),
        state=state,
        sequence=3,
        at=AT,
        reference="r",
    )


def heard(event: Event, event_id: str) -> Received[AccountId]:
    """An event as the kit hands it over."""
    record = landed(_write(EVENTS, 0, event, event_id=event_id, time=AT, subject=event_id))
    return Received(record, whose(record))


def received(sealer: Sealer, account: AccountId = ACME) -> Received[AccountId]:
    return heard(changed(sealer, account), f"{MESSAGE}:3")


async def tell(relay: Relay, *batch: Received[AccountId]) -> int:
    finished: list[Received[AccountId]] = []
    await relay(batch, finished.append)
    return len(finished)


async def test_an_account_with_topics_is_told_what_a_webhook_says(relay: Relay, topics: Topics, sealer: Sealer) -> None:
    topics.known = {"clients.acme.events": 1}
    assert await tell(relay, received(sealer), received(sealer, OTHER)) == 2
    (output,) = topics.sent
    body = json.loads(output.value or b"")
    assert (output.topic, output.key) == ("clients.acme.events", MESSAGE.encode())
    assert (body["id"], body["type"]) == (f"{MESSAGE}:3", "message.delivered")
    assert (body["data"]["to"], body["data"]["reference"], body["data"]["final"]) == ("+4790000001", "r", True)
    assert dict(output.headers)["ce_id"] == f"{MESSAGE}:3".encode()


async def test_an_incoming_message_is_told_under_its_own_id(relay: Relay, topics: Topics, sealer: Sealer) -> None:
    topics.known = {"clients.acme.events": 4}
    inbound_id = InboundId("2f7be1c04d9a4e63a85b90d3c6e1f275")
    event = InboundRouted(
        inbound_id=inbound_id,
        account_id=ACME,
        operator="fjord",
        to="2012",
        from_=sealer.seal(ACME, inbound_id, "from", "+4790000001", AT),
        content=sealer.seal(ACME, inbound_id, "content", "PIZZA", AT),
        coding=InboundCoding.GSM7,
        pseudonym="2026:00",
        received_at=AT,
        action=InboundAction.NONE,
    )
    assert await tell(relay, heard(event, inbound_id)) == 1
    (output,) = topics.sent
    body = json.loads(output.value or b"")
    assert (body["type"], body["data"]["from"], body["data"]["text"]) == ("message.received", "+4790000001", "PIZZA")
    assert (output.key, output.partition) == (inbound_id.encode(), 1)


async def test_states_that_were_passed_are_told_one_by_one(relay: Relay, topics: Topics, sealer: Sealer) -> None:
    topics.known = {"clients.acme.events": 1}
    passed = PassedState(state=State.SUBMITTED, sequence=2, at=AT)
    event = msgspec.structs.replace(changed(sealer), passed=(passed,))
    assert await tell(relay, heard(event, f"{MESSAGE}:3")) == 1
    bodies = [json.loads(output.value or b"") for output in topics.sent]
    assert [(body["id"], body["type"]) for body in bodies] == [
        (f"{MESSAGE}:2", "message.submitted"),
        (f"{MESSAGE}:3", "message.delivered"),
    ]


async def test_the_same_event_twice_is_the_same_record_twice(relay: Relay, topics: Topics, sealer: Sealer) -> None:
    topics.known = {"clients.acme.events": 4}
    one = received(sealer)
    await tell(relay, one, one)
    assert topics.sent[0] == topics.sent[1]


async def test_a_correction_is_not_told(relay: Relay, topics: Topics) -> None:
    topics.known = {"clients.acme.events": 1}
    event = MessageCorrected(
        message_id=MESSAGE,
        account_id=ACME,
        state=State.DELIVERED,
        sequence=4,
        at=AT,
        part=1,
        receipt_state=ReceiptState.EXPIRED,
    )
    assert await tell(relay, heard(event, f"{MESSAGE}:4")) == 1
    assert topics.sent == []


async def test_what_cannot_be_read_is_set_aside_for_an_account_with_topics_alone(
    relay: Relay, topics: Topics, sealer: Sealer
) -> None:
    record = received(sealer).record
    bad = msgspec.structs.replace(record, value=(record.value or b"").replace(b'"delivered"', b'"nowhere"'))
    assert await tell(relay, Received(bad, whose(bad))) == 1
    topics.known = {"clients.acme.events": 1}
    relay._pairs.forget()
    with pytest.raises(BadRecord, match="bad_payload"):
        await tell(relay, Received(bad, whose(bad)))


async def test_the_broker_is_asked_once_a_second(
    relay: Relay, topics: Topics, sealer: Sealer, clock: ManualClock
) -> None:
    for _ in range(3):
        await tell(relay, received(sealer))
    assert topics.asked == 1
    topics.known = {"clients.acme.events": 1}
    clock.advance(1.1)
    await tell(relay, received(sealer))
    assert (topics.asked, len(topics.sent)) == (2, 1)


async def test_a_topic_that_goes_while_it_is_written_to_holds_nobody_up(
    relay: Relay, topics: Topics, sealer: Sealer
) -> None:
    topics.known = {"clients.acme.events": 1, "clients.other.events": 1}
    await tell(relay, received(sealer), received(sealer, OTHER))
    topics.sent.clear()
    del topics.known["clients.acme.events"]
    with pytest.raises(TryLater):
        await tell(relay, received(sealer), received(sealer, OTHER))
    assert await tell(relay, received(sealer), received(sealer, OTHER)) == 2
    assert [output.topic for output in topics.sent] == ["clients.other.events"]


async def test_without_a_broker_nothing_is_finished(relay: Relay, topics: Topics, sealer: Sealer) -> None:
    topics.known, topics.broken = {"clients.acme.events": 1}, True
    finished: list[Received[AccountId]] = []
    with pytest.raises(TryLater):
        await relay([received(sealer)], finished.append)
    assert finished == []
