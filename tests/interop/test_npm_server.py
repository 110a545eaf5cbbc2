"""Our client as the ESME, npm `smpp` as the SMSC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.smpp.addresses import Address
from shared.smpp.client import Bind, connect
from shared.smpp.constants import (
    ESM_CLASS_DELIVERY_RECEIPT,
    ESM_CLASS_UDHI,
    ESME_RINVPASWD,
    ESME_ROK,
    ESME_RTHROTTLED,
    ESME_RX_T_APPN,
    MESSAGE_PAYLOAD,
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    RECEIPTED_MESSAGE_ID,
    USER_MESSAGE_REFERENCE,
)
from shared.smpp.errors import BindRefused
from shared.smpp.pdu import SubmitSm
from shared.smpp.receipts import parse
from shared.smpp.requests import (
    CancelSm,
    DataSm,
    DistributionList,
    MultiAnswer,
    QueryAnswer,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    Unsuccessful,
)
from shared.smpp.results import Accepted, Ending, Refused
from shared.smpp.settings import BindMode, BindSettings, SessionSettings
from tests.integration.smpp.peers import MESSAGE, PASSWORD, Received
from tests.interop.installed import NPM_SMPP
from tests.interop.npm_peer import NpmPeer, npm_peer, octets
from tests.support import wait_until

NPM_SMPP.require()

WINDOW = 50
UDH = bytes.fromhex("050003cc0201")


class Smsc:
    """npm's server, and what our clients need to bind to it."""

    def __init__(self, peer: NpmPeer, port: int) -> None:
        self.peer = peer
        self._port = port

    async def bind(self, received: Received, mode: BindMode = BindMode.TRANSCEIVER) -> Bind:
        settings = BindSettings(
            host="127.0.0.1",
            port=self._port,
            system_id="me",
            password=PASSWORD,
            mode=mode,
            session=SessionSettings(window=WINDOW),
        )
        return await connect(settings, on_deliver=received.on_deliver, on_closed=received.endings.append)


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    async with npm_peer("server") as peer:
        yield Smsc(peer, await peer.says("port"))


@pytest.fixture
def received() -> Received:
    return Received()


@pytest.fixture
async def bound(smsc: Smsc, received: Received) -> AsyncIterator[Bind]:
    bind = await smsc.bind(received)
    yield bind
    bind.abort()
    await bind.closed


@pytest.mark.parametrize("mode", BindMode)
async def test_we_bind_in_each_mode_and_unbind(mode: BindMode, smsc: Smsc, received: Received) -> None:
    bind = await smsc.bind(received, mode)

    request = await smsc.peer.request(f"bind_{mode.name.lower()}")
    assert (request["system_id"], request["password"]) == ("me", PASSWORD)
    assert request["interface_version"] == 0x34
    await bind.unbind(5)
    assert (await smsc.peer.request("unbind"))["command"] == "unbind"
    assert received.endings == [Ending.UNBOUND]


async def test_c6_its_refusal_of_the_bind_is_told_with_its_status(smsc: Smsc, received: Received) -> None:
    await smsc.peer.answer_with("bind_transceiver", {"command_status": ESME_RINVPASWD})

    with pytest.raises(BindRefused) as caught:
        await smsc.bind(received)

    assert caught.value.status == ESME_RINVPASWD


async def test_it_reads_all_fields_of_our_submit(smsc: Smsc, bound: Bind) -> None:
    await smsc.peer.answer_with("submit_sm", {"message_id": "7f"})
    message = SubmitSm(
        service_type=b"CMT",
        source_addr_ton=5,
        source_addr=b"Budstikke",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=b"4799999999",
        esm_class=ESM_CLASS_UDHI,
        protocol_id=0x41,
        priority_flag=2,
        validity_period=b"000002000000000R",
        registered_delivery=1,
        data_coding=8,
        short_message=UDH + "Blåbær €".encode("utf-16-be"),
        tlvs=((USER_MESSAGE_REFERENCE, b"\2\1"), (0x1401, b"\0\xff")),
    )

    assert await bound.submit(message) == Accepted(b"7f")
    read = await smsc.peer.request("submit_sm")
    for field in ("service_type", "source_addr", "destination_addr"):
        assert read[field].encode() == getattr(message, field), field
    for field in ("source_addr_ton", "dest_addr_ton", "dest_addr_npi", "esm_class", "protocol_id", "priority_flag"):
        assert read[field] == getattr(message, field), field
    assert (read["registered_delivery"], read["data_coding"]) == (1, 8)
    assert read["short_message"] == {"udh": [{"hex": UDH[1:].hex()}], "message": "Blåbær €"}
    assert (read["user_message_reference"], read["vendor_value"]) == (513, {"hex": "00ff"})


async def test_its_answers_in_any_order_find_our_submits(smsc: Smsc, bound: Bind) -> None:
    await smsc.peer.answer_with("submit_sm", None)
    results = [bound.submit(SubmitSm(short_message=b"%d" % n)) for n in range(WINDOW)]
    requests = [await smsc.peer.request("submit_sm") for _ in range(WINDOW)]

    for read in reversed(requests):
        fields = {"message_id": f"id-{read['short_message']['message']}"}
        smsc.peer.respond("submit_sm_resp", sequence_number=read["sequence_number"], **fields)

    assert [await result for result in results] == [Accepted(b"id-%d" % n) for n in range(WINDOW)]
    assert bound.free == WINDOW


@pytest.mark.parametrize("status", [ESME_RTHROTTLED, 0x4A1])
async def test_its_refusal_is_told_with_its_status_and_the_link_stands(status: int, smsc: Smsc, bound: Bind) -> None:
    await smsc.peer.answer_with("submit_sm", [{"command_status": status}, {"message_id": "2"}])

    assert await bound.submit(MESSAGE) == Refused(status)
    assert await bound.submit(MESSAGE) == Accepted(b"2")


async def test_our_other_requests_are_read_and_answered(smsc: Smsc, bound: Bind) -> None:
    sender, recipient = Address(5, 0, b"Budstikke"), Address(1, 1, b"4799999999")
    await smsc.peer.answer_with("query_sm", {"message_id": "7f", "message_state": 2})
    await smsc.peer.answer_with("data_sm", {"message_id": "80"})
    unsuccessful = {"dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": "4799999999", "error_status_code": 11}
    await smsc.peer.answer_with("submit_multi", {"message_id": "81", "unsuccess_sme": [unsuccessful]})

    assert await bound.query(QuerySm(b"7f", sender)) == QueryAnswer(b"7f", b"", 2)
    assert await bound.cancel(CancelSm(b"", b"7f", sender, recipient)) == Accepted(b"")
    assert await bound.replace(ReplaceSm(b"7f", sender, short_message=b"nytt")) == Accepted(b"")
    assert await bound.data(DataSm(b"", sender, recipient, tlvs=((MESSAGE_PAYLOAD, b"hei"),))) == Accepted(b"80")
    many = SubmitMulti(b"", sender, (recipient, DistributionList(b"alle")), short_message=b"hei")
    assert await bound.submit_multi(many) == MultiAnswer(b"81", (Unsuccessful(recipient, 11),))

    assert (await smsc.peer.request("query_sm"))["message_id"] == "7f"
    assert (await smsc.peer.request("cancel_sm"))["destination_addr"] == "4799999999"
    assert (await smsc.peer.request("replace_sm"))["short_message"] == octets(b"nytt")
    assert (await smsc.peer.request("data_sm"))["message_payload"]["message"] == "hei"
    read = (await smsc.peer.request("submit_multi"))["dest_address"]
    assert (read[0]["destination_addr"], read[1]["dl_name"]) == ("4799999999", "alle")


async def test_we_read_its_receipt_and_answer_when_it_is_stored(smsc: Smsc, bound: Bind, received: Received) -> None:
    text = "id:1 sub:001 dlvrd:001 submit date:2611231200 done date:2611231200 stat:UNDELIV err:0A1 text:"
    tag = smsc.peer.order(
        "deliver_sm",
        source_addr="4799999999",
        destination_addr="2077",
        esm_class=ESM_CLASS_DELIVERY_RECEIPT,
        short_message=text,
        receipted_message_id="1",
        message_state=5,
        network_error_code=octets(b"\3\0\5"),
    )
    await wait_until(lambda: len(received.delivered) == 1)

    (message,) = received.delivered
    assert message.tlv(RECEIPTED_MESSAGE_ID) == b"1\0"
    assert message.tlv(MESSAGE_STATE) == b"\5"
    assert message.tlv(NETWORK_ERROR_CODE) == b"\3\0\5"
    receipt = parse(message)
    assert receipt is not None
    assert receipt.message_id == b"1"
    received.replies[0]()
    assert (await smsc.peer.answer(tag))["command_status"] == ESME_ROK


async def test_c21_what_we_refuse_it_learns(smsc: Smsc, bound: Bind, received: Received) -> None:
    tag = smsc.peer.order("deliver_sm", source_addr="4799999999", destination_addr="2077", short_message="STOPP")
    await wait_until(lambda: len(received.delivered) == 1)

    received.replies[0](ESME_RX_T_APPN)

    assert (await smsc.peer.answer(tag))["command_status"] == ESME_RX_T_APPN


async def test_c28_its_unbind_is_answered(smsc: Smsc, bound: Bind) -> None:
    assert (await smsc.peer.ask("unbind"))["command"] == "unbind_resp"
    assert await bound.closed is Ending.PEER_UNBOUND


async def test_c29_that_it_closes_instead_of_answering_our_unbind_is_a_clean_end(smsc: Smsc, bound: Bind) -> None:
    await smsc.peer.answer_with("unbind", None)
    unbinding = asyncio.create_task(bound.unbind(5))
    await smsc.peer.request("unbind")

    smsc.peer.order("close")

    await unbinding
    assert await bound.closed is Ending.UNBOUND


async def test_its_enquire_link_is_answered(smsc: Smsc, bound: Bind) -> None:
    assert (await smsc.peer.ask("enquire_link"))["command"] == "enquire_link_resp"
