"""The simulator as a process: says where it is, serves, and stops cleanly."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.smpp.client import connect
from shared.smpp.pdu import DeliverSm, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.results import Accepted, Ending
from shared.smpp.settings import BindSettings
from tests.support import wait_until

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "simulators.smsc", "--name", "test"]
PASSWORD = "long enough to be odd"


class Running:
    """A simulator process and the line in which it announced itself."""

    def __init__(self, process: subprocess.Popen[bytes], ready: dict[str, Any]) -> None:
        self.ready = ready
        self._process = process

    def stop(self) -> tuple[int, bytes]:
        """Ask it to stop; its exit code and everything it said after the announcement."""
        self._process.terminate()
        output, _ = self._process.communicate(timeout=10)
        return self._process.returncode, output


@contextmanager
def start(*arguments: str) -> Iterator[Running]:
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert process.stdout is not None
            yield Running(process, json.loads(process.stdout.readline()))
        finally:
            process.kill()


@pytest.fixture
def running() -> Iterator[Running]:
    with start("--system-id", "esme", "--password", PASSWORD, "--receipt-delay", "0") as simulator:
        yield simulator


async def test_it_announces_its_ports_serves_and_stops_without_a_word_of_content(running: Running) -> None:
    received: list[DeliverSm] = []

    def take(message: DeliverSm, reply: Reply) -> None:
        received.append(message)
        reply()

    settings = BindSettings(host="127.0.0.1", port=running.ready["smpp_port"], system_id="esme", password=PASSWORD)
    bind = await connect(settings, on_deliver=take)
    message = SubmitSm(destination_addr=b"4799999999", registered_delivery=1, short_message=b"secret words")
    assert isinstance(await bind.submit(message), Accepted)
    await wait_until(lambda: len(received) == 1)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.ready['control_port']}") as http:
        assert (await http.get("/ready")).json() == {"ready": True}
        shown = (await http.get("/messages")).json()["messages"]
    await bind.unbind(5)
    code, output = running.stop()

    assert running.ready.keys() == {"ready", "smpp_port", "control_port"}
    assert [each["short_message"] for each in shown] == [b"secret words".hex()]
    assert (code, output) == (0, b"")


async def test_a_stop_unbinds_whoever_is_bound(running: Running) -> None:
    settings = BindSettings(host="127.0.0.1", port=running.ready["smpp_port"], system_id="esme", password=PASSWORD)
    bind = await connect(settings, on_deliver=lambda _, __: None)

    stopping = asyncio.create_task(asyncio.to_thread(running.stop))

    assert await bind.closed is Ending.PEER_UNBOUND
    assert (await stopping)[0] == 0


def test_a_port_that_is_taken_ends_it_with_the_name_of_the_argument(running: Running) -> None:
    port = str(running.ready["smpp_port"])

    second = subprocess.run([*COMMAND, "--smpp-port", port], cwd=ROOT, capture_output=True, timeout=30, check=False)

    assert second.returncode == 2
    assert b"--smpp-port" in second.stdout
