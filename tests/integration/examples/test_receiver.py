"""The webhook receiver believes what the gateway signed, once, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from deploy.local.settings import ROOT
from services.dlr.webhooks import signing

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
BODY = json.dumps(
    {"id": "e1", "type": "message.delivered", "created_at": datetime.now(UTC).isoformat(), "data": {"id": "m1"}}
).encode()


class Receiver:
    """The example as a process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    async def post(self, secret: str = SECRET, at: float | None = None) -> int:
        timestamp = int(time.time() if at is None else at)
        lines = signing.headers("e1", timestamp, BODY, [signing.key_of(secret)]).decode().splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.post(self.url, content=BODY, headers=headers)).status_code

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 20.0)).decode().strip()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples/webhook/receiver.py"),
        "0",
        env={**os.environ, "BUDSTIKKE_WEBHOOK_SECRET": SECRET},
        stdout=asyncio.subprocess.PIPE,
    )
    made = Receiver(process, "")
    try:
        made.url = f"http://127.0.0.1:{(await made.line()).split()[-1]}/"
        yield made
    finally:
        process.kill()
        await process.communicate()


async def test_an_event_of_the_gateway_is_shown_once_however_often_it_comes(receiver: Receiver) -> None:
    assert [await receiver.post(), await receiver.post()] == [204, 204]
    assert await receiver.line() == "message.delivered m1"
    assert await receiver.post(at=0.0) == 400
    assert await receiver.line() == "not believed: the timestamp is not of now"


async def test_what_another_signed_is_not_believed(receiver: Receiver) -> None:
    assert await receiver.post("whsec_" + b64encode(bytes(32)).decode()) == 400
    assert await receiver.line() == "not believed: no signature fits"
