"""What a stage says when it cannot start, and how members wait for each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from deploy.local.ports import free_port
from shared.clock import SystemClock
from shared.errors import TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.record import Output, Received
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from tests.integration.kafka.conftest import BrokerTruth
from tests.support import wait_until
from tests.unit.kafka.kit import Kit, copies_to


@pytest.fixture
async def nowhere() -> KafkaSettings:
    """An address where nobody listens."""
    return KafkaSettings(f"127.0.0.1:{free_port()}", start_timeout=5.0)


async def test_a_wrong_address_is_named_at_once(nowhere: KafkaSettings, kit: Kit) -> None:
    """A stage is given an address where nobody listens.

    Holds: the start fails within its time and names the address.
    """
    lost = Kit(AioCluster(nowhere), nowhere, BrokerTruth(nowhere.bootstrap))
    runner = await lost.transactional(["t"], copies_to("x"), start=False)
    began = time.monotonic()
    with pytest.raises(TryLater, match=nowhere.bootstrap):
        await runner.start()
    assert time.monotonic() - began < nowhere.start_timeout + 1
    await lost.close()


async def test_an_address_that_swallows_everything_ends_at_the_deadline() -> None:
    """A stage and a sender are given an address that takes every connection and answers nothing.

    Holds: the start fails at its deadline.
    """

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = KafkaSettings(f"127.0.0.1:{port}", start_timeout=0.5, request_timeout=0.5)
    mute = Kit(AioCluster(settings), settings, BrokerTruth(settings.bootstrap))
    runner = await mute.at_least_once(["t"], copies_to("x"), start=False)
    sender = Sender(connection=settings, clock=SystemClock(), metrics=mute.metrics)
    for start in (runner.start, sender.start):
        with pytest.raises(TryLater):
            await asyncio.wait_for(start(), 5.0)
    await sender.stop(1.0)
    await mute.close()
    server.close()
    await server.wait_closed()


async def test_a_member_that_takes_its_time_to_let_go_is_waited_for(kit: Kit) -> None:
    """A member needs longer to let go of its partitions than a request may take.

    Holds: the other waits for it; each record exactly once.
    """
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    copy, entered = copies_to(target), asyncio.Event()
    patient = KafkaSettings(
        kit.settings.bootstrap, session_timeout=3.0, heartbeat_interval=0.2, rebalance_timeout=6.0, request_timeout=1.0
    )

    async def slowly(batch: Sequence[Received[str]]) -> Sequence[Output]:
        entered.set()
        await asyncio.sleep(2.5)  # longer than a request may take, shorter than a rebalance
        return await copy(batch)

    hasty = Kit(AioCluster(patient), patient, kit.truth)
    await kit.write(source, "a", partition=0)
    await kit.write(source, "b", partition=1)
    first = await hasty.transactional([source], slowly, group=group)
    await asyncio.wait_for(entered.wait(), 10.0)
    second = await hasty.transactional([source], copy, group=group)
    await wait_until(lambda: len(first.health().assigned) == len(second.health().assigned) == 1, 15.0)
    await kit.until_values(target, ["a", "b"])
    await kit.until_no_lag(group, source, 2)
    await hasty.close()
