"""Kannel as the ESME, our server as the SMSC: one Kannel for all tests but the last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from shared.smpp.codings import alphabet, read
from shared.smpp.constants import (
    ESM_CLASS_UDHI,
    ESME_RINVDSTADR,
    ESME_RINVPASWD,
    ESME_ROK,
    MORE_MESSAGES_TO_SEND,
    TON_ALPHANUMERIC,
    TON_INTERNATIONAL,
    TON_NATIONAL,
)
from shared.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from shared.smpp.receipts import ReceiptState, build
from shared.smpp.results import Accepted, Ending
from shared.smpp.server import ServerSession
from shared.smpp.settings import BindMode
from shared.smpp.udh import Place, divide, place_in_header
from tests.integration.smpp.peers import Lines, Submits
from tests.interop.installed import KANNEL
from tests.interop.kannel import Kannel, kannel
from tests.support import wait_until

KANNEL.require()

PASSWORD = b"hemmelig"
"""Kannel sends eight characters, and cuts what is longer."""

STORE_AND_FORWARD = 0x03
"""Kannel's message mode (5.2.12), beside the flag for a header."""

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Gateway(msgspec.Struct):
    """A Kannel that is bound to our server, and what the server took."""

    box: Kannel
    submits: Submits

    async def takes(self, count: int, text: str, **parameters: str) -> list[SubmitSm]:
        """The submits that one message becomes."""
        before = len(self.submits.messages)
        assert await self.box.send(text, **parameters) == "0: Accepted for delivery"
        await wait_until(lambda: len(self.submits.messages) == before + count, waiting_for=f"{count} submits")
        return self.submits.messages[before:]


@asynccontextmanager
async def bound(folder: Path) -> AsyncIterator[Gateway]:
    """A server of ours with a Kannel on it."""
    submits = Submits()
    async with AsyncExitStack() as stack:
        server = await Lines(stack).listening(submits, authenticate=authenticate)
        box = await stack.enter_async_context(kannel(folder, server.port, PASSWORD.decode()))
        await wait_until(lambda: len(submits.sessions) == 1, waiting_for="Kannel to bind")
        yield Gateway(box, submits)


async def authenticate(session: ServerSession, bind: BindRequest) -> int:
    expected = BindRequest(b"kannel", PASSWORD, b"sms")
    return ESME_ROK if bind == expected else ESME_RINVPASWD


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with bound(tmp_path_factory.mktemp("kannel")) as made:
        yield made


async def test_it_is_bound_both_ways(gateway: Gateway) -> None:
    assert gateway.submits.sessions[0].mode is BindMode.TRANSCEIVER


async def test_a_text_in_gsm_7_is_taken(gateway: Gateway) -> None:
    (message,) = await gateway.takes(1, "Hei på deg, 5 €", sender="2077", to="4799999999")

    assert (message.esm_class, message.data_coding) == (STORE_AND_FORWARD, 0)
    assert text_of(message.short_message, message) == "Hei på deg, 5 €"
    assert (message.dest_addr_ton, message.destination_addr) == (TON_NATIONAL, b"4799999999")
    assert message.registered_delivery & 1


async def test_a_name_and_an_international_number_are_told_as_such(gateway: Gateway) -> None:
    (message,) = await gateway.takes(1, "Hei", sender="Budstikke", to="+4799999999")

    assert (message.source_addr_ton, message.source_addr) == (TON_ALPHANUMERIC, b"Budstikke")
    assert (message.dest_addr_ton, message.destination_addr) == (TON_INTERNATIONAL, b"4799999999")


async def test_a_long_text_comes_in_parts_of_153_septets(gateway: Gateway) -> None:
    text = "Blåbærsyltetøy " * 14

    parts = await gateway.takes(2, text, sender="2077", to="+4799999999")

    assert [part.esm_class for part in parts] == [STORE_AND_FORWARD | ESM_CLASS_UDHI] * 2
    assert len(parts[0].short_message) == 6 + 153
    assert parts[0].tlv(MORE_MESSAGES_TO_SEND) == b"\1"
    assert places(parts) == [(2, 1), (2, 2)]
    assert joined(parts) == text


async def test_a_long_text_in_unicode_may_be_cut_inside_a_character_and_is_whole_when_joined(gateway: Gateway) -> None:
    text = "Blåbær 🫐" * 20

    parts = await gateway.takes(3, text, sender="2077", to="+4799999999", coding="2")

    assert [part.data_coding for part in parts] == [8, 8, 8]
    assert places(parts) == [(3, 1), (3, 2), (3, 3)]
    assert joined(parts) == text


async def test_our_receipts_reach_who_sent(gateway: Gateway) -> None:
    box, submits = gateway.box, gateway.submits
    (message,) = await gateway.takes(1, "Hei", sender="2077", to="4790000007")
    receipt = build(
        message_id=b"%d" % len(submits.messages),
        state=ReceiptState.DELIVERED,
        submitted_at=NOON,
        done_at=NOON,
        source=(message.dest_addr_ton, message.dest_addr_npi, message.destination_addr),
        destination=(message.source_addr_ton, message.source_addr_npi, message.source_addr),
    )

    assert await submits.sessions[0].deliver(receipt) == Accepted(b"")

    await wait_until(lambda: len(box.told.receipts("4790000007")) == 2)
    taken, delivered = box.told.receipts("4790000007")
    assert (taken["kind"], delivered["kind"]) == ("8", "1")
    assert "stat:DELIVRD" in delivered["text"]


async def test_our_refusal_is_told_to_who_sent(gateway: Gateway) -> None:
    box, submits = gateway.box, gateway.submits
    submits.answering = False
    try:
        await gateway.takes(1, "Hei", sender="2077", to="4790000008")
        submits.replies[-1](ESME_RINVDSTADR)
    finally:
        submits.answering = True

    await wait_until(lambda: len(box.told.receipts("4790000008")) == 1)
    (refused,) = box.told.receipts("4790000008")
    assert refused["kind"] == "16"
    assert "0x0000000b" in refused["text"]


async def test_a_message_from_a_handset_is_taken_by_it(gateway: Gateway) -> None:
    message = DeliverSm(
        source_addr_ton=TON_INTERNATIONAL,
        source_addr_npi=1,
        source_addr=b"4799999999",
        destination_addr=b"2077",
        short_message=b"STOPP",
    )

    assert await gateway.submits.sessions[0].deliver(message) == Accepted(b"")

    await wait_until(lambda: len(gateway.box.told.of("/incoming")) == 1)
    assert gateway.box.told.of("/incoming") == [{"from": "+4799999999", "to": "2077", "text": "STOPP"}]


@pytest.mark.asyncio(loop_scope="function")
async def test_it_unbinds_when_it_stops(tmp_path: Path) -> None:
    async with bound(tmp_path) as gateway:
        await gateway.box.stop()

        await wait_until(lambda: gateway.submits.endings == [Ending.PEER_UNBOUND])


def places(parts: list[SubmitSm]) -> list[tuple[int, int]]:
    """(of how many, which) of each part; all of one reference."""
    found = [place_in_header(divide(part.short_message)[0]) or Place(-1, 0, 0) for part in parts]
    assert len({place.reference for place in found}) == 1
    return [(place.total, place.part) for place in found]


def text_of(octets: bytes, message: SubmitSm) -> str:
    return read(octets, alphabet(message.data_coding))[0]


def joined(parts: list[SubmitSm]) -> str:
    """The text of all parts, read once they are together."""
    return text_of(b"".join(divide(part.short_message)[1] for part in parts), parts[0])
