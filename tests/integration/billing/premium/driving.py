"""Driving the premium books without a broker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

from services.billing.premium.chart import LedgerAccount
from services.billing.premium.closing import Closing
from services.billing.premium.entry import Entry, balances
from services.billing.premium.ledger import ENTRIES, HeardEvent, Ledger
from services.billing.premium.refunding import Refunds
from services.billing.rows import from_row
from shared.clock import ManualClock
from shared.contracts.codec import read
from shared.contracts.envelope import ID
from shared.contracts.events import Event
from shared.contracts.premium import PremiumChanged
from shared.kafka.record import Output, Record
from shared.stores.mongodb import MongoStore
from tests.unit.billing.premium.building import event_id


@dataclass(frozen=True)
class Books:
    """The stores of the role on one database."""

    mongo: MongoStore
    ledger: Ledger
    refunds: Refunds
    closing: Closing
    clock: ManualClock

    async def hear(self, *events: PremiumChanged) -> None:
        """Take a batch in."""
        await self.ledger.hear([HeardEvent(event_id(event), event) for event in events], self.clock.now())

    async def entries(self) -> list[Entry]:
        """The whole ledger."""
        rows = await self.mongo.database[ENTRIES].find().sort("_id").to_list(None)
        return [from_row(row, Entry) for row in rows]

    async def balances(self) -> dict[LedgerAccount, int]:
        """What stands on each ledger account."""
        return balances(await self.entries())


def told(outputs: Sequence[Output]) -> list[tuple[str, Event]]:
    """Topic and event of what was sent, in its order."""
    return [
        (one.topic, read(Record(one.topic, one.partition, 0, 0, one.key, one.value, one.headers))) for one in outputs
    ]


def ids(outputs: Sequence[Output]) -> list[str]:
    """Event ids of what was sent."""
    return [value.decode() for one in outputs for name, value in one.headers if name == ID]


async def leave(kafka: str, group: str) -> None:
    """Put all members out of a group, which else would wait ten seconds for one that was killed."""
    client = AIOKafkaClient(bootstrap_servers=kafka)
    await client.bootstrap()
    try:
        node = client.get_random_node()
        described = await client.send(node, DescribeGroupsRequest([group], include_authorized_operations=False))
        for member in described.groups[0][5]:
            await client.send(node, LeaveGroupRequest(group, member[0]))
    finally:
        await client.close()
