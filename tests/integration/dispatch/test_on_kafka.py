"""Screening, router and sender on a real broker, a real database and a real SMPP session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import SystemRandom

import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry

from services.dispatch.router.role import build_router
from services.dispatch.sender import role
from services.dispatch.sender.role import build_sender
from services.dispatch.sweeper.role import build_sweeper
from services.ingest.accounts.account import Account
from services.ingest.accounts.store import DATABASE, AccountStore
from services.ingest.screening.role import build_screening
from shared.clock import SystemClock
from shared.contracts import codec, topics
from shared.contracts.events import PartFact, SendRequested
from shared.contracts.topics import LOCAL, specs
from shared.contracts.words import Lane
from shared.ids import partition_of
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Record
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.lifecycle import Component
from shared.service import Build, Context
from shared.smpp.constants import ESM_CLASS_DELIVERY_RECEIPT, RECEIPTED_MESSAGE_ID
from shared.smpp.requests import DataSm
from shared.smpp.results import Accepted
from shared.stores.mongodb import MongoStore
from tests.catalogue import fresh
from tests.integration.dispatch.rig import Smsc
from tests.support import wait_until
from tests.unit.dispatch.building import ACCOUNT, PARTITIONS, Letters

OPERATORS = """
operators:
  fjord:
    links:
      - {{name: fjord-1, host: 127.0.0.1, port: {port}, system_id: us, password_env: FJORD_PASSWORD, window: 10,
         response_timeout: 20}}
routes:
  - {{prefix: "+47", operator: fjord}}
"""


@pytest.fixture
async def environment(
    kafka: str, mongodb: str, valkey: str, tmp_path: Path, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    operators = tmp_path / "operators.yaml"
    operators.write_text(OPERATORS.format(port=smsc.port))
    monkeypatch.setenv("FJORD_PASSWORD", "secret")
    for name, value in {
        "HEALTH_PORT": "0",
        "KAFKA": kafka,
        "MONGODB": mongodb,
        "VALKEY": valkey,
        "KEY_STORE": str(tmp_path / "keys"),
        "OPERATORS": str(operators),
    }.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    await AccountStore(store).add_account(Account(ACCOUNT, "Acme", default_sender="Budstikke", version=1))
    await store.stop(5.0)


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[Sender]:
    connection = KafkaSettings(bootstrap=kafka)
    await fresh(connection, specs(["fjord"], LOCAL))
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    yield sender
    await sender.stop(5.0)


class Running:
    """Roles in one process, started and stopped as their processes do it."""

    def __init__(self, *builds: Build) -> None:
        registry = CollectorRegistry()
        context = Context(
            clock=SystemClock(), random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry)
        )
        self._components: list[Component] = [component for build in builds for component in build(context)]

    async def __aenter__(self) -> None:
        for component in self._components:
            await component.start()
        await wait_until(lambda: all(component.health().ready for component in self._components), 60)

    async def __aexit__(self, *_: object) -> None:
        for component in reversed(self._components):
            await component.stop(10.0)


async def test_requests_of_all_lanes_reach_the_operator_once_over_a_restart(
    environment: None, kafka: str, producer: Sender, smsc: Smsc, letters: Letters
) -> None:
    requests = {
        f"{lane[0]}{number}": letters.requested(f"{lane[0]}{number}", lane=lane, partition=number % PARTITIONS)
        for lane in Lane
        for number in range(40)
    }
    first, rest = list(requests.values())[::2], list(requests.values())[1::2]
    told: dict[str, list[str]] = {request.message_id: [] for request in requests.values()}

    async def wait_for(count: int) -> None:
        async with asyncio.timeout(60):
            while sum(len(kinds) for kinds in told.values()) < count:
                message = await facts.getone()
                fact = codec.read(_record(message))
                assert isinstance(fact, PartFact)
                told.get(fact.message_id, []).append(fact.kind)

    async with AIOKafkaConsumer(topics.FACTS, bootstrap_servers=kafka, auto_offset_reset="earliest") as facts:
        async with Running(build_screening, build_router, build_sender):
            await _request(producer, first)
            await wait_until(lambda: len(smsc.submits) >= 20, 60)
            orphan = DataSm(esm_class=ESM_CLASS_DELIVERY_RECEIPT, tlvs=((RECEIPTED_MESSAGE_ID, b"of nobody\0"),))
            assert isinstance(await smsc.session.data(orphan), Accepted)
            await _request(producer, rest)
        async with Running(build_screening, build_router, build_sender):
            await wait_for(2 * len(requests))

    assert sorted(smsc.texts) == sorted(requests)
    assert {frozenset(kinds) for kinds in told.values()} == {frozenset({"queued", "submitted"})}


async def test_what_nobody_answered_goes_to_the_operator_once_more_and_never_twice_does_not(
    environment: None, kafka: str, producer: Sender, smsc: Smsc, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sender, sweeper and router on the real topics; only the half minute for receipts is no minute here."""
    monkeypatch.setattr(role, "RECEIPT_TIME", timedelta(seconds=-20))
    smsc.silent = True
    requests = [
        letters.requested("once more", partition=1),
        letters.requested("long " * 60, partition=2),
        letters.requested("never twice", partition=3, never_twice=True),
    ]
    told: dict[str, list[str]] = {request.message_id: [] for request in requests}

    async with AIOKafkaConsumer(topics.FACTS, bootstrap_servers=kafka, auto_offset_reset="earliest") as facts:

        async def wait_for(expected: dict[str, list[str]]) -> None:
            async with asyncio.timeout(60):
                while {name: sorted(kinds) for name, kinds in told.items()} != expected:
                    fact = codec.read(_record(await facts.getone()))
                    assert isinstance(fact, PartFact)
                    if fact.message_id in told:
                        told[fact.message_id].append(f"{fact.part}:{fact.attempt}:{fact.kind}")

        once, long, never = (request.message_id for request in requests)
        async with Running(build_screening, build_router, build_sender):
            await _request(producer, requests)
            await wait_until(lambda: len(smsc.submits) == 4, 60)
            smsc.silent = False
            smsc.drop()
            unknown = {
                once: ["0:1:queued", "1:1:unknown"],
                long: ["0:1:queued", "1:1:unknown", "2:1:unknown"],
                never: ["0:1:queued", "1:1:unknown"],
            }
            await wait_for(unknown)
            async with Running(build_sweeper):
                await wait_for(
                    {
                        once: sorted([*unknown[once], "1:2:queued", "1:2:submitted"]),
                        long: sorted(
                            [
                                *unknown[long],
                                *(f"{part}:2:{kind}" for part in (1, 2) for kind in ("queued", "submitted")),
                            ]
                        ),
                        never: sorted([*unknown[never], "1:1:failed"]),
                    }
                )

    assert sorted(smsc.texts).count("once more") == 2
    assert smsc.texts.count("never twice") == 1
    assert len(smsc.submits) == 7


async def _request(producer: Sender, requests: list[SendRequested]) -> None:
    write = codec.Writer("/budstikke/ingest/api").output
    await producer.send(
        [
            write(
                topics.requests(request.lane),
                partition_of(request.message_id, PARTITIONS),
                request,
                event_id=f"{request.message_id}:requested",
                time=request.requested_at,
                subject=request.message_id,
            )
            for request in requests
        ]
    )


def _record(message: object) -> Record:
    fields = {name: getattr(message, name) for name in Record.__struct_fields__}
    return Record(**(fields | {"headers": tuple(fields["headers"])}))
