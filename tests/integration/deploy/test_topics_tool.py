"""The catalogue's tool on a real broker: what it creates does not differ, and every difference is found."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.new_partitions import NewPartitions

from deploy.topics.__main__ import main
from deploy.topics.catalogue import Catalogue
from shared.contracts.topics import LOCAL
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import compare
from tests.support import wait_until
from tests.unit.deploy.test_topics_tool import FILE


@pytest.fixture
def operator() -> str:
    """An operator of this test alone, and with it topics."""
    return f"o{uuid.uuid4().hex[:8]}"


@pytest.fixture
def arguments(kafka: str, operator: str, tmp_path: Path) -> list[str]:
    path = tmp_path / "operators.yaml"
    path.write_text(FILE.replace("fjord", operator))
    return ["--operators", str(path), "--bootstrap", kafka]


async def spoil(kafka: str, operator: str) -> None:
    """Delete a topic, add partitions to one, change the retention of one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_topics([f"sms.dispatch.{operator}.express"])
        await admin.create_partitions({f"sms.dispatch.{operator}.standard": NewPartitions(total_count=5)})
        bulk = f"sms.dispatch.{operator}.bulk"
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, bulk, configs={"retention.ms": "1000"})])
    finally:
        await admin.close()
    specs = Catalogue((operator,), LOCAL).specs

    async def known() -> bool:
        return len({drift.topic for drift in await compare(KafkaSettings(kafka), specs)}) == 3

    await wait_until(known, 30.0, waiting_for="the broker to know of the changes")


def test_created_compared_spoilt_and_made_whole(
    kafka: str, operator: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["create", *arguments]) == 0
    assert f"created sms.dispatch.{operator}.bulk, 4 partitions" in capsys.readouterr().out
    assert main(["create", *arguments]) == 0
    assert "0 of them new" in capsys.readouterr().out
    assert main(["compare", *arguments]) == 0
    assert "0 differences" in capsys.readouterr().out

    asyncio.run(spoil(kafka, operator))
    assert main(["compare", *arguments]) == 1
    found = capsys.readouterr().out
    assert f"sms.dispatch.{operator}.express: missing; create it" in found
    assert f"sms.dispatch.{operator}.standard: 5 partitions instead of 4" in found
    assert f"sms.dispatch.{operator}.bulk: retention.ms is 1000 instead of 604800000" in found

    assert main(["create", *arguments]) == 0
    assert f"created sms.dispatch.{operator}.express" in capsys.readouterr().out


def test_a_production_profile_differs_from_a_local_broker(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["create", *arguments]) == 0
    assert main(["compare", "--profile", "production", *arguments]) == 1
    found = capsys.readouterr().out
    assert "sms.facts: 4 partitions instead of 12" in found
    assert "sms.facts: 1 replicas instead of 3" in found
    assert "sms.facts: min.insync.replicas is 1 instead of 2" in found
