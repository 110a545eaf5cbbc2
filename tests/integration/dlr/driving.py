"""Driving the role `status` without a broker: records in, as the kit would hand them over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import count

import msgspec
from prometheus_client import CollectorRegistry

from services.dlr.status.eager import Eager
from services.dlr.status.heard import Ear, Input
from services.dlr.status.status import Status
from shared.clock import ManualClock
from shared.contracts import topics
from shared.contracts.codec import Writer, read
from shared.contracts.events import (
    Event,
    MessageCorrected,
    MessageStatusChanged,
    OperatorReceipt,
    PartFact,
)
from shared.contracts.passing import each_state
from shared.contracts.words import FactKind, Lane, ReceiptState
from shared.ids import AccountId, MessageId, partition_of
from shared.kafka.record import Output, Received, Record, header
from shared.privacy.sealing import Sealer
from tests.unit.dlr.building import ACCOUNT, START, operator_receipt, part_fact, send_requested

PARTITIONS = 4
NUMBER = "+4790000001"
TEXT = "Æ ø å, and a code: 4711"

_write = Writer("/budstikke/test/test").output
_offsets = count()


class Door:
    """Everybody who writes what the role reads, of messages of one part."""

    def __init__(self, sealer: Sealer) -> None:
        self.sealer = sealer

    def request(
        self,
        message_id: MessageId,
        requested_at: datetime = START,
        number: str = NUMBER,
        sender: str = "Acme",
        callback_url: str | None = None,
    ) -> Record:
        """A send request, sealed as the door does it."""
        to = self.sealer.seal(ACCOUNT, message_id, "to", number, START)
        content = self.sealer.seal(ACCOUNT, message_id, "content", TEXT, START)
        event = send_requested(message_id, to, content)
        event = msgspec.structs.replace(event, requested_at=requested_at, sender=sender, callback_url=callback_url)
        return record(topics.requests(Lane.STANDARD), event, f"{message_id}:requested", message_id)

    def life(self, message_id: MessageId) -> list[Record]:
        """A message that arrives."""
        return [
            self.request(message_id),
            fact(part_fact(FactKind.QUEUED, part=0, message_id=message_id)),
            fact(part_fact(FactKind.SUBMITTED, seconds=2, message_id=message_id)),
            receipt(operator_receipt(ReceiptState.DELIVERED, receipt_id=f"r{message_id}", message_id=message_id)),
        ]


class Role:
    """The role's handler with its decoder."""

    def __init__(self, status: Status, ear: Ear, registry: CollectorRegistry) -> None:
        self._status = status
        self._ear = ear
        self._registry = registry

    async def handle(self, records: Sequence[Record]) -> list[Record]:
        """Handle a batch; returns what was finished."""
        finished: list[Record] = []
        batch = [Received[Input](record, self._ear(record)) for record in records]
        await self._status(batch, lambda received: finished.append(received.record))
        return finished

    def metric(self, name: str, **labels: str) -> float:
        """A sample; 0 when there is none."""
        return self._registry.get_sample_value(name, labels) or 0.0


def always(accounts: Collection[AccountId]) -> Eager:
    """These accounts hear of each state as it comes, whatever is known of them."""

    async def wanting(_: Collection[AccountId]) -> Collection[AccountId]:
        return accounts

    async def paired(_: Collection[AccountId]) -> Mapping[AccountId, int]:
        return {}

    return Eager(wanting, paired, ManualClock(START))


def message_ids(count: int, first: int = 0) -> list[MessageId]:
    """Ids in order."""
    return [MessageId(f"018f3c1a-7b2e-7d4f-8a6b-{number:012x}") for number in range(first, first + count)]


def fact(event: PartFact) -> Record:
    """A fact as its writer writes it."""
    event_id = f"{event.message_id}:{event.part}:{event.attempt}:{event.kind}"
    return record(topics.FACTS, event, event_id, event.message_id)


def receipt(event: OperatorReceipt) -> Record:
    """A receipt as its writer writes it."""
    return record(topics.RECEIPTS, event, event.receipt_id, event.message_id)


def record(topic: str, event: Event, event_id: str, message_id: MessageId | None) -> Record:
    """One event as it comes from a topic."""
    partition = 0 if message_id is None else partition_of(message_id, PARTITIONS)
    output = _write(topic, partition, event, event_id=event_id, time=START, subject=message_id or event_id)
    return landed(output)


def landed(output: Output) -> Record:
    """What a consumer gets of an output."""
    return Record(
        topic=output.topic,
        partition=output.partition,
        offset=next(_offsets),
        timestamp=0,
        key=output.key,
        value=output.value,
        headers=output.headers,
    )


def as_output(record: Record) -> Output:
    """A record as its writer sends it."""
    return Output(record.topic, record.partition, record.key, record.value, record.headers)


def events(outputs: Iterable[Output]) -> list[tuple[str, MessageStatusChanged | MessageCorrected]]:
    """Ids and events among what was sent to `sms.events`, each state that was told by itself."""
    found: list[tuple[str, MessageStatusChanged | MessageCorrected]] = []
    for output in outputs:
        event = read(landed(output)) if output.topic == topics.EVENTS else None
        if isinstance(event, MessageStatusChanged):
            found += [(f"{one.message_id}:{one.sequence}", one) for one in each_state(event)]
        elif isinstance(event, MessageCorrected):
            found.append(((header(landed(output), "ce_id") or b"").decode(), event))
    return found


def told_by_id(outputs: Iterable[Output]) -> dict[str, bytes]:
    """What was told of each state, by its id: the same id must always say the same, alone or on the way to another."""
    known: dict[str, bytes] = {}
    for event_id, event in events(outputs):
        said = msgspec.json.encode(msgspec.structs.replace(event, charge=None))
        assert known.setdefault(event_id, said) == said
    return known
