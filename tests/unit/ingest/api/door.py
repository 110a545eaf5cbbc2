"""A whole front door in memory: a broker that can be held or made to fail, one account, one key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
from prometheus_client import CollectorRegistry

from services.ingest.accounts.account import Account, Grant, Key
from services.ingest.accounts.keys import ALL_SCOPES, KeyId, make
from services.ingest.accounts.view import AccountView
from services.ingest.api.accepting import SOURCE, Acceptance
from services.ingest.api.app import front_door
from services.ingest.api.cancelling import Cancelling
from services.ingest.api.forwarding import BOOKS, INCOMING, RETENTION, WEBHOOKS, Forwarding, Target
from services.ingest.api.gathering import Gathering
from services.ingest.api.metrics import ApiMetrics
from services.ingest.api.owner import Owner
from services.ingest.api.premium import PremiumDoor
from services.ingest.api.reading import MessageReader
from services.ingest.api.recent import Recent
from services.ingest.api.submitting import Submit
from services.ingest.desk.rows import Held
from services.ingest.idempotency.claims import Claims
from services.ingest.idempotency.metrics import IdempotencyMetrics
from services.ingest.limits.bucket import Amount, Rates
from services.ingest.limits.limiter import Limiter
from services.ingest.limits.metrics import LimitMetrics
from shared.clock import ManualClock
from shared.contracts.codec import Writer
from shared.contracts.words import Lane
from shared.errors import TryLater
from shared.ids import AccountId, MessageId, TimeOrderedIds
from shared.kafka.record import Output
from shared.lifecycle import Component
from shared.privacy.keys import FileKeyStore
from shared.privacy.opt_outs import OptOuts
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.strex.agreements import Agreement, Agreements
from tests.unit.ingest.idempotency.rows import MemoryRows
from tests.unit.ingest.limits.buckets import MemoryBuckets

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
PARTITIONS = 4
SECRET = b"s" * 32
AGREEMENT = Agreement(
    account=AccountId("acme"),
    merchant_id="mer_test",
    short_numbers=("2002", "2003"),
    service_codes=("06002", "04002"),
    business_model="STREX-PAYMENT",
    most=60_000,
)
RATES = Rates(Amount(1_000, 3_000), Amount(10_000, 30_000))


class Broker:
    """Takes records at once, unless it is closed (then sends wait for `open`) or told to fail."""

    def __init__(self) -> None:
        self.batches: list[list[Output]] = []
        self.failing = False
        self._open = asyncio.Event()
        self._open.set()

    @property
    def records(self) -> list[Output]:
        return [output for batch in self.batches for output in batch]

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def send(self, outputs: Sequence[Output], *, deadline: float) -> None:
        self.batches.append(list(outputs))
        await self._open.wait()
        if self.failing:
            raise TryLater("producer_lost", "told to fail")

    async def send_at_once(self, outputs: Sequence[Output]) -> None:
        await self.send(outputs, deadline=10.0)


class Dlr:
    """The owner of the message log: answers what it is told to, or not at all."""

    def __init__(self) -> None:
        self.status: int | None = 404
        self.body: bytes = b"{}"
        self.headers: dict[str, str] = {}
        self.asked: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.status is None:
            raise httpx.ConnectError("away")
        return httpx.Response(self.status, content=self.body, headers=self.headers)


class Desk:
    """Holds what it is given; `racing` lets it go between a look and a cancel."""

    def __init__(self) -> None:
        self.held: dict[MessageId, Held] = {}
        self.racing = False

    async def waiting(self, account_id: AccountId, message_id: MessageId) -> Held | None:
        held = self.held.get(message_id)
        return held if held is not None and held.account_id == account_id else None

    async def cancel(self, held: Held, now: datetime) -> bool:
        if self.racing:
            return False
        self.held[held.message_id] = msgspec.structs.replace(held, cancelled_at=now)
        return True


class Door:
    """`client` speaks to the door with the key of the account `acme`."""

    def __init__(self, keys: Path, account: Account | None = None, **gathering: Any) -> None:
        self.clock = ManualClock(START)
        self.broker = Broker()
        self.owner = Dlr()
        self.grants: dict[KeyId, Grant] = {}
        self.key = self.add(account or Account(AccountId("acme"), "Acme", default_sender="Acme"))
        self.sealer = Sealer(FileKeyStore(keys), self.clock)
        self.opt_outs = OptOuts(Pseudonyms(FileKeyStore(keys)))
        self.registry = CollectorRegistry()
        metrics = ApiMetrics(self.registry)
        self.gatherings = {
            lane: Gathering(
                lane,
                self.broker.send,
                self.clock,
                metrics.lanes[lane],
                partitions=PARTITIONS,
                **{"window": 0.0, "round_seconds": 0.0, **gathering},
            )
            for lane in Lane
        }
        recent = Recent(self.clock)
        self.buckets = MemoryBuckets(self.clock)
        self.limiter = Limiter(self.buckets, self.clock, LimitMetrics(self.registry), default=RATES, processes=2)
        self.rows = MemoryRows()
        claims = self.claims = Claims(self.rows, self.sealer, self.clock, IdempotencyMetrics(self.registry))
        view = AccountView(self._find, self.clock)
        acceptance = Acceptance(self.gatherings, TimeOrderedIds(), self.sealer, Writer(SOURCE), self.clock)
        self.dlr = Owner("http://owner", SECRET, self.clock, transport=httpx.MockTransport(self.owner))
        self.desk = Desk()
        reader = MessageReader(self.dlr, recent)
        self.app = front_door(
            view,
            Submit(view, self.limiter, claims, acceptance, recent, self.opt_outs, metrics),
            reader,
            Cancelling(self.desk, reader, self.clock),
            Forwarding(
                view,
                [
                    Target(WEBHOOKS, self.dlr, "webhooks_unavailable"),
                    *(Target(prefix, self.dlr, "inbound_unavailable") for prefix in INCOMING),
                    *(Target(prefix, self.dlr, "books_unavailable") for prefix in BOOKS),
                    *(Target(prefix, self.dlr, "retention_unavailable") for prefix in RETENTION),
                ],
            ),
            PremiumDoor(
                view=view,
                agreements=Agreements([AGREEMENT]),
                limiter=self.limiter,
                claims=claims,
                send=self.broker.send_at_once,
                sealer=self.sealer,
                pseudonyms=Pseudonyms(FileKeyStore(keys)),
                clock=self.clock,
                partitions=PARTITIONS,
            ),
            metrics,
        )
        self.client = self.client_with(self.key)

    def add(self, account: Account, *, scopes: frozenset[Any] = ALL_SCOPES) -> str:
        """A key for an account."""
        key = make(Random(len(self.grants)).randbytes)
        stored = Key(key.key_id, account.account_id, key.digest, scopes, START)
        self.grants[key.key_id] = Grant(stored, account)
        return key.text

    def client_with(self, key: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://door",
            headers={"authorization": f"Bearer {key}"},
        )

    async def post(self, body: object, path: str = "/v1/messages", **options: Any) -> httpx.Response:
        """Post a body: octets as they stand, anything else as JSON."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"content-type": "application/json", **options.pop("headers", {})}
        return await self.client.post(path, content=content, headers=headers, **options)

    async def _find(self, key_id: KeyId) -> Grant | None:
        return self.grants.get(key_id)


@asynccontextmanager
async def running(door: Door) -> AsyncIterator[Door]:
    components: list[Component] = [*door.gatherings.values(), door.claims.answers, door.dlr]
    for component in components:
        await component.start()
    try:
        yield door
    finally:
        door.broker.open()
        await door.client.aclose()
        for component in components:
            await component.stop(1.0)
