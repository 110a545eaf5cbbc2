"""The role `inbound` without a broker: deliveries in, as the kit would hand them over, on a real database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from prometheus_client import CollectorRegistry

from services.dlr.inbound.accounts import Accounts
from services.dlr.inbound.inbound import Inbound, read_received
from services.dlr.inbound.keyword import Keyword, KeywordState, Number, keyword_id
from services.dlr.inbound.long_messages import LongMessages
from services.dlr.inbound.metrics import InboundMetrics
from services.dlr.inbound.outputs import Outputs
from services.dlr.inbound.parts_store import PartsStore
from services.dlr.inbound.refusing import Refusing
from services.dlr.inbound.store import InboundStore
from services.dlr.inbound.sweeper import Sweeper
from shared.clock import ManualClock
from shared.contracts import topics
from shared.contracts.codec import Writer, read
from shared.contracts.events import Event
from shared.contracts.inbound import InboundCoding, InboundId, MessageReceived, PartOf
from shared.ids import GATEWAY, AccountId
from shared.kafka.record import Output, Received, Record, header
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from tests.integration.dlr.conftest import Outbox
from tests.integration.dlr.driving import PARTITIONS, landed
from tests.unit.dlr.building import START

ACME = AccountId("acme")
HANDSET = "+4790000001"
PATIENCE = timedelta(minutes=5)
_ids = count(1)


class Handset:
    """Sends messages, each with its own reference unless told."""

    def __init__(self, keys: FileKeyStore, number: str = HANDSET) -> None:
        self._sealer = Sealer(keys, ManualClock(START))
        self._number = number

    def says(
        self,
        text: str,
        to: str = "2012",
        *,
        delivered_as: str | None = None,
        after: timedelta = timedelta(0),
        coding: InboundCoding = InboundCoding.GSM7,
        part_of: PartOf | None = None,
        partition: int = 1,
    ) -> Output:
        """One delivery, as the sender writes it."""
        inbound_id = InboundId(delivered_as or f"{next(_ids):032x}")
        at = START + after
        event = MessageReceived(
            inbound_id=inbound_id,
            operator="fjord",
            link="fjord-1",
            to=to,
            from_=self._sealer.seal(GATEWAY, inbound_id, "from", self._number, at),
            content=self._sealer.seal(GATEWAY, inbound_id, "content", text, at),
            coding=coding,
            received_at=at,
            part_of=part_of,
        )
        write = Writer("/budstikke/dispatch/sender").output
        return write(topics.INBOUND, partition, event, event_id=inbound_id, time=at, subject=f"{to}|x")

    def part(
        self, octets: bytes, part: int, parts: int, *, reference: int = 7, to: str = "2012", **fields: Any
    ) -> Output:
        """One part of a long message."""
        place = PartOf(reference=reference, part=part, parts=parts)
        return self.says(octets.hex(), to, part_of=place, **fields)


class Life:
    """One process of the role; two on one database are a successor, or a rival."""

    def __init__(self, mongo: MongoStore, keys: FileKeyStore, outbox: Outbox) -> None:
        self.clock = ManualClock(START)
        self.store = InboundStore(mongo)
        self.accounts = Accounts()
        self.registry = CollectorRegistry()
        self.sealer, self.pseudonyms = Sealer(keys, self.clock), Pseudonyms(keys)
        self.refusing = Refusing(self.store, self.sealer, self.pseudonyms)
        self.parts = PartsStore(mongo)
        self.long_messages = LongMessages(self.parts, self.sealer, self.pseudonyms, self.clock, PATIENCE)
        self.inbound = Inbound(
            store=self.store,
            send=outbox.send,
            accounts=self.accounts,
            refusing=self.refusing,
            outputs=Outputs(self.sealer, PARTITIONS),
            long_messages=self.long_messages,
            sealer=self.sealer,
            pseudonyms=self.pseudonyms,
            clock=self.clock,
            metrics=InboundMetrics(self.registry),
        )
        self.sweeper = Sweeper(self.inbound, self.long_messages)

    async def prepare(self) -> None:
        """Make the indexes."""
        await self.store.prepare()
        await self.parts.prepare()

    async def handle(self, deliveries: Iterable[Output]) -> list[Record]:
        """Handle a batch; returns what was finished."""
        finished: list[Record] = []
        records = [landed(output) for output in deliveries]
        batch = [Received(record, read_received(record)) for record in records]
        await self.inbound(batch, lambda received: finished.append(received.record))
        return finished

    async def number(self, number: str = "2012", account: AccountId | None = ACME, **fields: object) -> None:
        """A number that comes in to us."""
        await self.store.put_number(Number(number=number, account_id=account, created_at=START, **fields))  # type: ignore[arg-type]

    async def keyword(self, words: str, number: str = "2012", account: AccountId = ACME, **fields: object) -> Keyword:
        """An active keyword, with a reply unless told."""
        given = {"reply": "Takk!", "state": KeywordState.ACTIVE, **fields}
        keyword = Keyword(
            id=keyword_id(number, words),
            account_id=account,
            number=number,
            keyword=words,
            created_at=START,
            **given,  # type: ignore[arg-type]
        )
        assert await self.store.add_keyword(keyword)
        return keyword

    def counted(self, outcome: str) -> float:
        """How many messages had an outcome."""
        return self.registry.get_sample_value("budstikke_inbound_messages_total", {"outcome": outcome}) or 0.0


def told(outputs: Iterable[Output], kind: type[Event]) -> list[Event]:
    """The events of a kind among outputs."""
    return [event for output in outputs if output.value and type(event := read(landed(output))) is kind]


def ids(outputs: Iterable[Output]) -> list[tuple[str, bytes | None]]:
    """Topics and event ids, in order."""
    return [(output.topic, header(landed(output), "ce_id")) for output in outputs]


def later(at: datetime = START, **ahead: float) -> timedelta:
    """Time since the start of the tests."""
    return at - START + timedelta(**ahead)
