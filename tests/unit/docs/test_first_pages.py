"""What the README and the quickstart do to a running system is what a reader who goes on from there counts on."""

from __future__ import annotations

import re
import subprocess

import httpx
import msgspec
import pytest

from deploy.local.settings import ROOT
from services.dlr.webhooks.api.examples import TOLD
from services.dlr.webhooks.delivery.payload import MessageData
from shared.contracts.states import State
from simulators.customer.control import control
from simulators.customer.receiver import Delivery, Receiver
from simulators.smsc.behaviour import Behaviour

QUICKSTART = (ROOT / "docs/quickstart.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_an_operator_that_a_page_made_slow_is_itself_again_at_its_end(page: str) -> None:
    *_, last = re.findall(r'"receipt_delay_ms": (\d+)', (ROOT / page).read_text())
    assert int(last) == Behaviour().receipt_delay_ms


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([("order 4711", State.DELIVERED), ("quickstart", State.SUBMITTED)], False),
        ([("quickstart", State.SUBMITTED), ("order 4711", State.DELIVERED)], False),
        ([("quickstart", State.UNDELIVERED), (None, State.DELIVERED)], False),
        ([("order 4711", State.DELIVERED), ("quickstart", State.SUBMITTED), ("quickstart", State.DELIVERED)], True),
    ],
)
async def test_the_quickstart_waits_until_its_own_message_is_reported_delivered(
    told: list[tuple[str | None, State]], found: bool
) -> None:
    (looked,) = re.findall(r"^until curl -s \S+/deliveries \| (grep .*?); do", QUICKSTART, re.MULTILINE)
    receiver = Receiver()
    receiver.deliveries.extend(delivery(*one) for one in told)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(control(receiver)), base_url="http://control") as client:
        answer = await client.get("/deliveries")
    assert succeeds(looked, answer.content) == found


def succeeds(command: str, given: bytes) -> bool:
    """Whether a command of the shell ends well on this input."""
    return subprocess.run(["bash", "-c", command], input=given, check=False, timeout=10).returncode == 0


def delivery(reference: str | None, state: State) -> Delivery:
    """A callback, as the receiver keeps it."""
    assert isinstance(TOLD.data, MessageData)
    message = msgspec.structs.replace(TOLD.data, reference=reference, state=state)
    body = msgspec.structs.replace(TOLD, type=f"message.{state}", data=message)
    return Delivery(1, 1, "/sms", {}, msgspec.json.encode(body))
