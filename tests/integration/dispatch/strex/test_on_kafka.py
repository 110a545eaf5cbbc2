"""The role as its process wires it: a real broker, a real database, the simulated Strex over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import SystemRandom

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_port
from services.dispatch.settings import StrexSettings
from services.dispatch.strex.role import build_strex
from shared.clock import SystemClock
from shared.contracts import codec, topics
from shared.contracts.premium import Billed, PremiumChanged, PremiumOrdered
from shared.contracts.topics import LOCAL, specs
from shared.errors import BadSettings
from shared.ids import partition_of
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Record
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.lifecycle import Component
from shared.service import Context
from shared.settings import load
from tests.catalogue import fresh
from tests.integration.strex.peers import Simulator
from tests.support import wait_until
from tests.unit.dispatch.building import PARTITIONS, Letters
from tests.unit.dispatch.strex.orders import AGREEMENT, Orders, reversal


@pytest.fixture
def environment(
    kafka: str, mongodb: str, tmp_path: Path, simulator: Simulator, sealing: Letters, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    key = tmp_path / "strex.pem"
    key.write_bytes(simulator.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    port = free_port()
    agreements = tmp_path / "agreements.yaml"
    agreements.write_bytes(msgspec.json.encode({"agreements": [AGREEMENT]}))
    told = {
        "HEALTH_PORT": "0",
        "KAFKA": kafka,
        "MONGODB": mongodb,
        "KEY_STORE": str(tmp_path / "keys"),
        "STREX_URL": simulator.url,
        "STREX_KEY": str(key),
        "STREX_KEY_NAME": "test",
        "STREX_PORT": str(port),
        "STREX_REPORTS": f"http://127.0.0.1:{port}",
        "PREMIUM_AGREEMENTS": str(agreements),
    }
    for name, value in told.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    return {f"BUDSTIKKE_{name}": value for name, value in told.items()}


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[Sender]:
    connection = KafkaSettings(bootstrap=kafka)
    wanted = [each for each in specs([], LOCAL) if each.name.startswith("premium.")]
    await fresh(connection, wanted)
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    yield sender
    await sender.stop(5.0)


class Running:
    """The role, started and stopped as its process does it."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        context = Context(
            clock=SystemClock(), random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry)
        )
        self._components: list[Component] = list(build_strex(context))

    async def __aenter__(self) -> None:
        for component in self._components:
            await component.start()
        await wait_until(lambda: all(component.health().ready for component in self._components), 60)

    async def __aexit__(self, *_: object) -> None:
        for component in reversed(self._components):
            await component.stop(10.0)


async def order(producer: Sender, *orders: PremiumOrdered) -> None:
    write = codec.Writer("/budstikke/ingest/api").output
    await producer.send(
        [
            write(
                topics.PREMIUM_ORDERS,
                partition_of(each.transaction_id, PARTITIONS),
                each,
                event_id=f"{each.transaction_id}:{each.kind}",
                time=each.ordered_at,
                subject=each.transaction_id,
            )
            for each in orders
        ]
    )


async def test_orders_are_charged_once_and_given_back_over_a_restart(
    environment: dict[str, str], kafka: str, producer: Sender, simulator: Simulator, orders: Orders
) -> None:
    charges = [orders.charge(number=f"+47980790{number:02d}") for number in range(20)]
    last: dict[str, PremiumChanged] = {}
    simulator.behave(master_url=f"{environment['BUDSTIKKE_STREX_REPORTS']}/strex/reports", callback_double_every=2)

    async def until(count: int, billed: Billed, prefix: str) -> None:
        async with asyncio.timeout(60):
            while sum(each.billed is billed for name, each in last.items() if name.startswith(prefix)) < count:
                message = await events.getone()
                fields = {name: getattr(message, name) for name in Record.__struct_fields__}
                event = codec.read(Record(**(fields | {"headers": tuple(fields["headers"])})))
                assert isinstance(event, PremiumChanged)
                last[event.transaction_id] = event

    async with AIOKafkaConsumer(topics.PREMIUM_EVENTS, bootstrap_servers=kafka, auto_offset_reset="earliest") as events:
        async with Running():
            await order(producer, *charges[:10])
            await until(10, Billed.TRUE, "")
        await order(producer, *charges, *map(reversal, charges[:10]))
        async with Running():
            await until(10, Billed.TRUE, "-")
            await until(30, Billed.TRUE, "")

    totals = simulator.strex.ledger.totals()
    assert (totals.posts, totals.charges, totals.charged) == (20, 20, 20 * 4200)
    assert (totals.deletes, totals.reversed) == (10, 10 * 4200)
    assert sum(each.price for each in last.values()) == totals.charged - totals.reversed


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("STREX_URL", "http://strex.example", "must be https"),
        ("STREX_URL", "strex", "must be an http or https URL"),
        ("STREX_KEY_NAME", "a:b", "STREX_KEY_NAME"),
        ("STREX_REPORTS", "http://reports.example", "must be https"),
        ("STREX_GONE_SECONDS", "59", "must be twice STREX_SECONDS"),
    ],
)
def test_settings_that_cannot_be_are_named(environment: dict[str, str], name: str, value: str, says: str) -> None:
    with pytest.raises(BadSettings, match=says):
        load(StrexSettings, environment | {f"BUDSTIKKE_{name}": value})


async def test_a_key_that_is_none_is_named_and_never_shown(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.pem").write_text("no key at all")
    monkeypatch.setenv("BUDSTIKKE_STREX_KEY", str(tmp_path / "bad.pem"))
    with pytest.raises(BadSettings, match="BUDSTIKKE_STREX_KEY: holds no") as raised:
        Running()
    assert "no key at all" not in str(raised.value)
