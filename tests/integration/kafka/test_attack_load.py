"""Load: what the client does not complain about, and memory that does not grow."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence

import pytest

from shared.kafka.record import Output, Received
from tests.integration.kafka.attacking import Note, fill
from tests.integration.kafka.conftest import ROOT
from tests.unit.kafka.behaviour_transactional import numbers
from tests.unit.kafka.kit import Kit

SHARE_OF_A_MILLION = 20


async def test_no_storm_of_warnings_under_load(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    """A hundred transactions over four partitions and three output topics, as fast as they go.

    Holds: the broker refuses no records for a moment (NOT_ENOUGH_REPLICAS while it verifies a transaction that the
    client changes at the same time; each refusal costs 10 ms and a line in the log).
    """
    source, group = await kit.topic(4), kit.group()
    targets = [await kit.topic(4) for _ in range(3)]

    async def handle(batch: Sequence[Received[str]]) -> list[Output]:
        return [
            Output(target, received.record.partition, None, received.event.encode())
            for received in batch
            for target in targets[int(received.event) % 3 :]
        ]

    with caplog.at_level(logging.WARNING, "aiokafka.producer"):
        await kit.transactional([source], handle, group=group, max_batch=25)
        await fill(kit, source, 4, 3000)
        await kit.until_values(targets[2], numbers(3000), 60.0)
    assert [line for line in caplog.messages if "NotEnoughReplicas" in line] == []
    assert len(caplog.messages) < 10


@pytest.mark.parametrize("kind", ["transactional", "at-least-once"])
async def test_memory_stays_flat(kafka: str, kind: str, record_property: Note) -> None:
    """50,000 records through one process, a twentieth of what `make bench-kafka` sends.

    Holds: after the first fifth the process grows by less than 20 MB; each record is counted once.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.kafka_memory",
        *("--bootstrap", kafka, "--kind", kind, "--count", str(1_000_000 // SHARE_OF_A_MILLION)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 90.0)
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode == 0, output.decode()
    record_property("figure", f"{kind} {float(output.split()[-1]):+.1f} MB")
