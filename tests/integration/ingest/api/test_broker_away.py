"""A broker that dies: 503 and never 2xx; when it is back, so is the door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from tests.integration.ingest.api.conftest import calling, open_door, watching
from tests.support import wait_until

MESSAGE = {"to": "99999999", "text": "Hei", "category": "otp"}


@pytest.fixture
def broker(jars: tuple[Path, ...], tmp_path: Path) -> Iterator[Kafka]:
    """A broker that a test may kill."""
    own = Kafka(
        data=tmp_path / "kafka",
        log=tmp_path / "kafka.log",
        port=free_port(),
        controller_port=free_port(),
        jars=jars,
        heap_mb=256,
    )
    try:
        own.start()
        own.wait_ready()
        yield own
    finally:
        own.kill()


async def test_a_dead_broker_is_503_until_it_is_back(
    broker: Kafka, mongodb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        open_door(broker.bootstrap, mongodb, tmp_path, monkeypatch) as url,
        calling(url, mongodb, tmp_path) as caller,
    ):
        before = await caller.http.post("/v1/messages", json=MESSAGE)
        assert before.status_code == 202
        broker.kill()
        during = await caller.http.post("/v1/messages", json=MESSAGE)
        assert (during.status_code, during.json()["code"]) == (503, "unavailable")
        assert during.headers["retry-after"] == "1"
        broker.start()
        promised = [before.json()["messages"][0]["id"]]

        async def accepted() -> bool:
            answer = await caller.http.post("/v1/messages", json=MESSAGE)
            if answer.status_code == 202:
                promised.append(answer.json()["messages"][0]["id"])
            return answer.status_code == 202

        await wait_until(accepted, deadline=60.0)
        async with watching(broker.bootstrap, "sms.requests.express") as topic:
            topic.from_beginning()
            written = {record.key.decode() for record in await topic.records()}
        assert set(promised) <= written
