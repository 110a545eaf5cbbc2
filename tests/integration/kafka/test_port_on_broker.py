"""The adapter on a real broker behaves like a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared.errors import TryLater
from shared.kafka.aio.admin import AioAdmin
from shared.kafka.port import Mark
from shared.kafka.record import TopicPartition
from tests.support import wait_until
from tests.unit.kafka.behaviour_port import PortBehaviour
from tests.unit.kafka.kit import Kit


class TestPortOnBroker(PortBehaviour):
    """All of it."""

    async def test_a_commit_for_a_topic_that_is_gone_fails_at_once_and_never_stands_for_one_made_anew(
        self, kit: Kit
    ) -> None:
        topic, group = await kit.topic(), kit.group()
        await kit.write(topic, "a", "b")
        consumer = kit.cluster.consumer(group, assignor="roundrobin")
        await consumer.start()
        admin = AIOKafkaAdminClient(bootstrap_servers=kit.settings.bootstrap)
        await admin.start()
        try:
            place = TopicPartition(topic, 0)
            consumer.assign([place])
            await consumer.commit({place: Mark(1)})
            await admin.delete_topics([topic])

            async def refused() -> bool:
                try:
                    async with asyncio.timeout(kit.settings.request_timeout / 2):
                        await consumer.commit({place: Mark(2)})
                except TryLater:
                    return True
                return False

            async def forgotten() -> bool:
                return await kit.truth.committed(group, *place) is None

            await wait_until(refused, 20.0)
            await wait_until(forgotten, 20.0)
        finally:
            await admin.close()
            await consumer.close(5.0)

    async def test_a_topic_that_goes_while_it_is_described_does_not_exist(
        self, kit: Kit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stays, goes = await kit.topic(), f"{kit.name}.gone"
        admin = AioAdmin(kit.settings)
        await admin.start()
        found = await admin._metadata([stays])

        async def before_it_went(_: Sequence[str]) -> object:
            return found | {goes: found[stays]}

        monkeypatch.setattr(admin, "_metadata", before_it_went)
        try:
            assert (await admin.describe([stays, goes])).keys() == {stays}
        finally:
            await admin.close(5.0)
