"""Orders to an operator as the sender receives them, and the messages behind them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import uuid_utils

from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import Actor, DispatchOrdered, Event, LinkChanged, MessageAccepted, SendRequested
from shared.contracts.words import Category, Door, Lane
from shared.ids import AccountId, MessageId, partition_of
from shared.kafka.record import Output, Received, Record
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.text import segments

ACCOUNT = AccountId("acme")
NUMBER = "+4798765432"
PARTITIONS = 4
START = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)

_write = Writer("/budstikke/tests").output
_offsets = count()


def message_id(partition: int = 0) -> MessageId:
    """A new id whose messages lie in this partition."""
    return MessageId(f"{str(uuid_utils.uuid7())[:-4]}{partition:04x}")


class Letters:
    """Writes messages under a key store of its own."""

    def __init__(self, directory: Path) -> None:
        self.keys = FileKeyStore(directory / "keys")
        self.sealer = Sealer(self.keys, SystemClock())

    def fresh_sealer(self) -> Sealer:
        """A sealer of another process, which has no key in its memory yet."""
        return Sealer(self.keys, SystemClock())

    def requested(self, text: str = "hei", number: str = NUMBER, **changes: Any) -> SendRequested:
        """A request; `changes` replace fields."""
        now = changes.get("requested_at", datetime.now(UTC))
        name = changes.get("message_id") or message_id(changes.pop("partition", 0))
        fields: dict[str, Any] = {
            "message_id": name,
            "account_id": ACCOUNT,
            "to": self.sealer.seal(ACCOUNT, name, "to", number, now),
            "sender": "Budstikke",
            "content": self.sealer.seal(ACCOUNT, name, "content", text, now),
            "lane": Lane.STANDARD,
            "category": Category.TRANSACTIONAL,
            "requested_at": now,
            "valid_until": now + timedelta(hours=1),
            "door": Door.HTTP,
            "actor": Actor(key_id="k1"),
        }
        return SendRequested(**(fields | changes))

    def accepted(self, text: str = "hei", number: str = NUMBER, **changes: Any) -> MessageAccepted:
        """The message that screening makes of it."""
        measure = segments.measure(text)
        found = {
            "coding": measure.coding,
            "parts": measure.parts,
            "country": "NO",
            "pseudonym": "2026:00",
            "accepted_at": datetime.now(UTC),
        }
        own = {name: changes.pop(name) for name in found if name in changes}
        request = self.requested(text, number, **changes)
        fields = {name: getattr(request, name) for name in SendRequested.__struct_fields__}
        return MessageAccepted(**(fields | found | own))

    def order(self, text: str = "hei", number: str = NUMBER, **changes: Any) -> DispatchOrdered:
        """The order to submit it."""
        own = {name: changes.pop(name) for name in ("attempt", "parts", "operator") if name in changes}
        message = self.accepted(text, number, **changes)
        fields: dict[str, Any] = {
            "message": message,
            "operator": "fjord",
            "route_id": "+47>fjord",
            "ordered_at": message.accepted_at,
        }
        return DispatchOrdered(**(fields | own))


def received(event: DispatchOrdered) -> Received[DispatchOrdered]:
    """The order as a record of its topic."""
    message = event.message
    topic = topics.dispatch(event.operator, message.lane)
    return Received(as_record(topic, event, message.message_id, f"{message.message_id}:ordered:{event.attempt}"), event)


def as_record(topic: str, event: Event, subject: str, event_id: str) -> Record:
    """An event as it lies on a topic."""
    partition = partition_of(subject, PARTITIONS)
    output = _write(topic, partition, event, event_id=event_id, time=START, subject=subject, traceparent=b"00-ab-cd-01")
    return record_of(output)


def link_news(
    operator: str, at: datetime, *, up: bool = True, says: datetime | None = None
) -> tuple[Record, LinkChanged]:
    """What a sender tells of its link, on the topic since `at`. Its own clock `says` the same, unless told."""
    event = LinkChanged(operator=operator, up=up, at=at if says is None else says)
    record = as_record(topics.LINKS, event, "0" * 36, "news")
    return msgspec.structs.replace(record, timestamp=round(at.timestamp() * 1000)), event


def record_of(output: Output) -> Record:
    """An output as whoever reads it gets it."""
    return Record(
        topic=output.topic,
        partition=output.partition,
        offset=next(_offsets),
        timestamp=1_772_452_800_000,
        key=output.key,
        value=output.value,
        headers=output.headers,
    )
