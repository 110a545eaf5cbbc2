"""The role `clients` as one process or several, and what lies on the topics around it."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiokafka
import httpx
import msgspec

from deploy.local.ports import free_port
from deploy.local.process import Process
from deploy.local.settings import ROOT
from services.ingest.accounts import changes
from services.ingest.accounts.account import Account, Limits
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.relay import AccountRelay
from services.ingest.accounts.staff import CONSOLE
from services.ingest.clients.role import GROUP
from services.ingest.clients.sharing import SHARES, share_of
from shared.clock import SystemClock
from shared.contracts.codec import Writer
from shared.contracts.events import SendRequested
from shared.contracts.topics import LOCAL, client_events, client_pair, client_requests, requests
from shared.contracts.words import Lane
from shared.ids import AccountId
from shared.kafka.aio import AioCluster
from shared.kafka.record import Output, TopicPartition
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from shared.stores.mongodb import MongoStore
from shared.trust import trusted
from tests.support import wait_until

READY = 60.0
TEXT = {"to": "+4790000001", "text": "Hei"}
_ASKED = msgspec.json.Decoder(SendRequested)


class Room:
    """A broker and a database, accounts of this test's own, and the role when it is started."""

    def __init__(self, kafka: str, mongodb: str, store: MongoStore, sender: Sender, folder: Path, keys: Path) -> None:
        clock = SystemClock()
        self.kafka = kafka
        self.store = store
        self._book = AccountBook(store, clock)
        self._relay = AccountRelay(store, sender.send, Writer("/budstikke/ingest/api"), clock)
        self._mongodb = mongodb
        self._sender = sender
        self._folder = folder
        self._keys = keys
        self._processes: list[Process] = []
        self._ports: list[int] = []

    async def account(self, *, pair: bool = True, partitions: int = 1, **fields: Any) -> AccountId:
        """A new account, as a rule with its topics; the role is told of it."""
        account_id = AccountId(f"a{uuid.uuid4().hex[:10]}")
        account = Account(account_id=account_id, name="Test", default_sender="Test", **fields)
        await self._book.add_account(CONSOLE, account)
        await self._relay.publish_all()
        if pair:
            await self.make_pair(account_id, partitions)
        return account_id

    async def suspend(self, account_id: AccountId) -> None:
        """Wholly; the role is told."""
        await self._change(account_id, partial(changes.suspend, what=changes.What()))

    async def resume(self, account_id: AccountId) -> None:
        """Again."""
        await self._change(account_id, partial(changes.resume, what=changes.What()))

    async def limit(self, account_id: AccountId, limits: Limits) -> None:
        """To this from now on; the role is told."""
        await self._change(account_id, lambda account: msgspec.structs.replace(account, limits=limits))

    async def close(self, account_id: AccountId) -> None:
        """For ever."""
        await self._change(account_id, changes.close)

    async def _change(self, account_id: AccountId, decide: Callable[[Account], Account]) -> None:
        await self._book.change_account(CONSOLE, account_id, "test", decide)
        await self._relay.publish_all()

    async def make_pair(self, account_id: AccountId, partitions: int = 1) -> None:
        """Its topics."""
        asked, told = (topic.spec(LOCAL) for topic in client_pair(account_id))
        await create(KafkaSettings(bootstrap=self.kafka), [msgspec.structs.replace(asked, partitions=partitions), told])

    async def publish(self, account_id: AccountId, *values: object, key: str | None = None, partition: int = 0) -> None:
        """As a client system does: bodies (or octets), all with this `ce_id` if one is given."""
        headers = () if key is None else (("ce_id", key.encode()),)
        octets = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
        await self._sender.send([Output(client_requests(account_id), partition, None, one, headers) for one in octets])

    def start(self, **environment: str) -> Process:
        """Start one more process of the role."""
        port = free_port()
        name = f"clients-{len(self._processes)}"
        process = Process(
            name,
            [sys.executable, "-m", "services.ingest", "clients"],
            log=self._folder / f"{name}.log",
            pid_file=self._folder / f"{name}.pid",
            environment={
                **os.environ,
                "BUDSTIKKE_KAFKA": self.kafka,
                "BUDSTIKKE_MONGODB": self._mongodb,
                "BUDSTIKKE_VALKEY": "redis://127.0.0.1:9/0",
                "BUDSTIKKE_KEY_STORE": str(self._keys),
                "BUDSTIKKE_HEALTH_PORT": str(port),
                **environment,
            },
            folder=ROOT,
        )
        process.start()
        self._processes.append(process)
        self._ports.append(port)
        return process

    async def ready(self) -> None:
        """Wait until the probe of the last one started says so."""
        async with httpx.AsyncClient(verify=trusted(), trust_env=False) as http:

            async def answers() -> bool:
                assert self._processes[-1].running, self.log()
                try:
                    return (await http.get(f"http://127.0.0.1:{self._ports[-1]}/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await wait_until(answers, READY, waiting_for="the role to be ready")

    def log(self, process: Process | None = None) -> str:
        """What a process said, by default the last one started."""
        return (process or self._processes[-1]).log.read_text()

    async def shares(self, process: Process) -> int:
        """How many shares the process has, by the database."""
        return int(await self.store.database.client_shares.count_documents({"owner": {"$regex": f":{process.pid}:"}}))

    async def shared_by(self, *processes: Process) -> None:
        """Wait until these have all shares between them, each a fair part."""

        async def fair() -> bool:
            parts = [await self.shares(process) for process in processes]
            return sum(parts) == SHARES and max(parts) <= -(-SHARES // len(processes))

        await wait_until(fair, READY, waiting_for=f"shares of {len(processes)} processes")

    async def reader_of(self, account_id: AccountId, partition: int = 0) -> Process:
        """The process that has the share of the account's partition."""
        share = share_of(TopicPartition(client_requests(account_id), partition))
        row = await self.store.database.client_shares.find_one({"_id": share})
        assert row is not None
        (found,) = [process for process in self._processes if f":{process.pid}:" in row["owner"]]
        return found

    async def forget_leases(self) -> None:
        """As if the time of whoever is dead were over."""
        await self.store.database.client_shares.delete_many({})
        await self.store.database.client_readers.delete_many({})

    async def committed(self, account_id: AccountId) -> int | None:
        """The group's offset on the account's first partition."""
        consumer = AioCluster(KafkaSettings(bootstrap=self.kafka)).consumer(GROUP, assignor="roundrobin")
        await consumer.start()
        try:
            mark = await consumer.committed(TopicPartition(client_requests(account_id), 0))
        finally:
            await consumer.close(5.0)
        return None if mark is None else mark.offset

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._processes:
            process.kill()

    async def asked(self, account_id: AccountId, lane: Lane = Lane.STANDARD) -> list[SendRequested]:
        """The account's messages on the lane's topic, as often as they are there."""
        events = [_ASKED.decode(value) for value in await values(self.kafka, requests(lane))]
        return [event for event in events if event.account_id == account_id]

    async def wait_for(self, account_id: AccountId, count: int, lane: Lane = Lane.STANDARD) -> list[SendRequested]:
        """The account's messages, once so many different ones are there."""
        found: list[SendRequested] = []

        async def enough() -> bool:
            found[:] = await self.asked(account_id, lane)
            return len({event.message_id for event in found}) >= count

        await wait_until(enough, 40.0, waiting_for=f"{count} messages of the account")
        return found

    async def answers(self, account_id: AccountId, count: int) -> list[dict[str, Any]]:
        """What the account was told, once it is so much."""
        found: list[dict[str, Any]] = []

        async def enough() -> bool:
            found[:] = [json.loads(value) for value in await values(self.kafka, client_events(account_id))]
            return len(found) >= count

        await wait_until(enough, 40.0, waiting_for=f"{count} answers")
        return found


async def values(kafka: str, topic: str) -> list[bytes]:
    """Everything on a topic, partition by partition."""
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    try:
        numbers = await consumer._client._wait_on_metadata(topic)
        places = [aiokafka.TopicPartition(topic, number) for number in sorted(numbers)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning(*places)
        found: list[bytes] = []
        for place in places:
            while await consumer.position(place) < ends[place]:
                records = (await consumer.getmany(place, timeout_ms=1000)).get(place, [])
                found += [record.value for record in records]
        return found
    finally:
        await consumer.stop()
