"""The role `clients` as a process, and what lies on the topics around it."""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import aiokafka
import httpx
import msgspec

from deploy.local.ports import free_port
from deploy.local.process import Process
from deploy.local.settings import ROOT
from services.ingest.accounts.account import Account
from services.ingest.accounts.store import AccountStore
from shared.contracts.events import SendRequested
from shared.contracts.topics import LOCAL, client_events, client_pair, client_requests, requests
from shared.contracts.words import Lane
from shared.ids import AccountId
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from tests.support import wait_until

READY = 60.0
_ASKED = msgspec.json.Decoder(SendRequested)


class Room:
    """A broker and a database, accounts of this test's own, and the role when it is started."""

    def __init__(
        self, kafka: str, mongodb: str, accounts: AccountStore, sender: Sender, folder: Path, keys: Path
    ) -> None:
        self.kafka = kafka
        self.accounts = accounts
        self._mongodb = mongodb
        self._sender = sender
        self._folder = folder
        self._keys = keys
        self._port = free_port()
        self._processes: list[Process] = []

    async def account(self, *, pair: bool = True, partitions: int = 1, **fields: Any) -> AccountId:
        """A new account, as a rule with its topics."""
        account_id = AccountId(f"a{uuid.uuid4().hex[:10]}")
        await self.accounts.add_account(Account(account_id=account_id, name="Test", default_sender="Test", **fields))
        if pair:
            await self.make_pair(account_id, partitions)
        return account_id

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
        """Start the role; a second start takes the place of a dead one."""
        process = Process(
            "clients",
            [sys.executable, "-m", "services.ingest", "clients"],
            log=self._folder / "clients.log",
            pid_file=self._folder / f"clients-{len(self._processes)}.pid",
            environment={
                **os.environ,
                "BUDSTIKKE_KAFKA": self.kafka,
                "BUDSTIKKE_MONGODB": self._mongodb,
                "BUDSTIKKE_VALKEY": "redis://127.0.0.1:9/0",
                "BUDSTIKKE_KEY_STORE": str(self._keys),
                "BUDSTIKKE_HEALTH_PORT": str(self._port),
                **environment,
            },
            folder=ROOT,
        )
        process.start()
        self._processes.append(process)
        return process

    async def ready(self) -> None:
        """Wait until its probe says so."""
        async with httpx.AsyncClient(trust_env=False) as http:

            async def answers() -> bool:
                assert self._processes[-1].running, self.log()
                try:
                    return (await http.get(f"http://127.0.0.1:{self._port}/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await wait_until(answers, READY, waiting_for="the role to be ready")

    def log(self) -> str:
        """What the role said."""
        return (self._folder / "clients.log").read_text()

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
