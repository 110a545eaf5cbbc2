"""A receipt on the topic that names an unknown attempt is found, and read for only when there is one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.dispatch.sender.ledger import attempt_key
from services.dispatch.sweeper.deciding import closing
from services.dispatch.sweeper.receipts import ReceiptReader
from services.dispatch.unknowns.store import Unknown
from shared.clock import ManualClock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import OperatorReceipt
from shared.contracts.words import ReceiptState
from shared.ids import partition_of
from shared.kafka.memory import MemoryCluster
from shared.kafka.record import Output
from shared.kafka.settings import KafkaSettings
from shared.privacy.sealing import TAKEN_OUT
from tests.unit.dispatch.building import PARTITIONS, START, Letters

_write = Writer("/budstikke/tests").output


def unknown(letters: Letters, parts: tuple[int, ...] = (1,), **changes: Any) -> Unknown:
    order = letters.order("y" * 400, requested_at=START, valid_until=START + timedelta(hours=1), **changes)
    key = attempt_key(order.message.message_id, parts[0], 1)
    return Unknown(key, order, parts, 1, "fjord-1", START, START, START + timedelta(minutes=1), "cause")


def receipt(row: Unknown, part: int = 1, attempt: int = 1, *, known: bool = True) -> OperatorReceipt:
    message = row.order.message
    return OperatorReceipt(
        receipt_id="r",
        operator="fjord",
        link="fjord-1",
        operator_id="77",
        operator_id_raw=b"77",
        state=ReceiptState.DELIVERED,
        received_at=START,
        message_id=message.message_id if known else None,
        account_id=message.account_id if known else None,
        part=part,
        attempt=attempt,
    )


class Receipts:
    """The topic, in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.cluster = MemoryCluster({topics.RECEIPTS: PARTITIONS}, clock=self.clock)
        self.reader = ReceiptReader(KafkaSettings(bootstrap="memory"), PARTITIONS, self.cluster)

    async def write(self, event: OperatorReceipt, key: str) -> None:
        await self.write_raw(
            _write(topics.RECEIPTS, partition_of(key, PARTITIONS), event, event_id="r", time=START, subject=key)
        )

    async def write_raw(self, output: Output) -> None:
        producer = self.cluster.producer()
        await producer.start()
        await producer.send(producer.pack([output]))
        await producer.close(1.0)


async def test_a_receipt_is_of_the_attempt_that_it_names_message_part_and_number(letters: Letters) -> None:
    rows = [unknown(letters, (1, 2, 3), partition=1), unknown(letters, (2,), partition=2), unknown(letters)]
    first, second, third = rows
    receipts = Receipts()
    await receipts.write(receipt(first, part=3), first.order.message.message_id)
    await receipts.write(receipt(second, part=1), second.order.message.message_id)
    await receipts.write(receipt(third, attempt=2), third.order.message.message_id)
    await receipts.write(receipt(third, known=False), third.order.message.message_id)

    found = await receipts.reader.naming(rows)

    assert list(found) == [first.key]


async def test_what_cannot_be_read_and_what_came_before_the_attempt_is_passed_over(letters: Letters) -> None:
    row = unknown(letters)
    message_id = row.order.message.message_id
    receipts = Receipts()
    receipts.clock._now = START - timedelta(minutes=5)
    await receipts.write(receipt(row), message_id)
    receipts.clock._now = START
    await receipts.write_raw(Output(topics.RECEIPTS, 0, message_id.encode(), b"{"))

    assert await receipts.reader.naming([row]) == {}


def test_an_erased_message_is_not_sent_again(letters: Letters) -> None:
    row = unknown(letters, to=TAKEN_OUT, content=TAKEN_OUT)

    assert closing(row, None, START).kind == "rejected"
