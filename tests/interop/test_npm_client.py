"""npm `smpp` as the ESME, our server as the SMSC."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.smpp.addresses import Address
from shared.smpp.constants import (
    ESM_CLASS_DELIVERY_RECEIPT,
    ESM_CLASS_UDHI,
    ESME_RINVBNDSTS,
    ESME_RINVDSTADR,
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
from shared.smpp.pdu import DeliverSm
from shared.smpp.requests import CancelSm, DataSm, DistributionList, QuerySm, ReplaceSm, SubmitMulti, Unsuccessful
from shared.smpp.results import Accepted, Ending, Refused
from shared.smpp.server import Server
from shared.smpp.settings import BindMode, SessionSettings
from tests.integration.smpp.peers import PASSWORD, Lines, Submits
from tests.interop.installed import NPM_SMPP
from tests.interop.npm_peer import NpmPeer, npm_peer, octets
from tests.support import wait_until

NPM_SMPP.require()

WINDOW = 200
UDH = bytes.fromhex("050003cc0201")


@pytest.fixture
def submits() -> Submits:
    return Submits()


@pytest.fixture
async def server(lines: Lines, submits: Submits) -> Server:
    return await lines.listening(submits, settings=SessionSettings(window=WINDOW, max_unanswered=2 * WINDOW))


@pytest.fixture
async def esme(server: Server) -> AsyncIterator[NpmPeer]:
    async with npm_peer("client", str(server.port)) as peer:
        await peer.says("connected")
        yield peer


@pytest.fixture
async def bound(esme: NpmPeer) -> NpmPeer:
    answer = await esme.ask("bind_transceiver", system_id="esme", password=PASSWORD)
    assert answer["command_status"] == ESME_ROK
    assert (answer["system_id"], answer["sc_interface_version"]) == ("budstikke", 0x34)
    return esme


@pytest.mark.parametrize("mode", BindMode)
async def test_it_binds_in_each_mode_and_unbinds(mode: BindMode, submits: Submits, esme: NpmPeer) -> None:
    answer = await esme.ask(f"bind_{mode.name.lower()}", system_id="esme", password=PASSWORD, system_type="sms")

    assert answer["command_status"] == ESME_ROK
    assert submits.sessions[0].mode is mode
    assert submits.binds[0][1].system_type == b"sms"
    assert (await esme.ask("enquire_link"))["command"] == "enquire_link_resp"
    assert (await esme.ask("unbind"))["command"] == "unbind_resp"
    assert await esme.says("closed")
    assert submits.endings == [Ending.PEER_UNBOUND]


async def test_it_is_refused_with_a_wrong_password(esme: NpmPeer) -> None:
    answer = await esme.ask("bind_transmitter", system_id="esme", password="wrong")

    assert answer["command_status"] == ESME_RINVPASWD
    assert await esme.says("closed")


async def test_it_may_not_submit_before_it_is_bound(submits: Submits, esme: NpmPeer) -> None:
    answer = await esme.ask("submit_sm", destination_addr="4799999999", short_message="hei")

    assert (answer["command"], answer["command_status"]) == ("generic_nack", ESME_RINVBNDSTS)
    assert submits.messages == []


async def test_all_fields_of_its_submit_arrive(submits: Submits, bound: NpmPeer) -> None:
    answer = await bound.ask(
        "submit_sm",
        service_type="CMT",
        source_addr_ton=5,
        source_addr_npi=0,
        source_addr="Budstikke",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="4799999999",
        esm_class=ESM_CLASS_UDHI,
        protocol_id=0x41,
        priority_flag=2,
        schedule_delivery_time=octets(b"261123010203004+"),
        validity_period=octets(b"000002000000000R"),
        registered_delivery=1,
        replace_if_present_flag=1,
        data_coding=8,
        sm_default_msg_id=3,
        short_message={"udh": octets(UDH), "message": "Blåbær €"},
        user_message_reference=513,
        vendor_value=octets(b"\x00\xff"),
    )

    assert (answer["command_status"], answer["message_id"]) == (ESME_ROK, "1")
    (message,) = submits.messages
    assert (message.service_type, message.source_addr_ton, message.source_addr_npi) == (b"CMT", 5, 0)
    assert (message.source_addr, message.destination_addr) == (b"Budstikke", b"4799999999")
    assert (message.dest_addr_ton, message.dest_addr_npi) == (1, 1)
    assert (message.esm_class, message.protocol_id, message.priority_flag) == (ESM_CLASS_UDHI, 0x41, 2)
    assert (message.schedule_delivery_time, message.validity_period) == (b"261123010203004+", b"000002000000000R")
    assert (message.registered_delivery, message.replace_if_present_flag, message.sm_default_msg_id) == (1, 1, 3)
    assert (message.data_coding, message.short_message) == (8, UDH + "Blåbær €".encode("utf-16-be"))
    assert message.tlv(USER_MESSAGE_REFERENCE) == b"\x02\x01"
    assert message.tlv(0x1401) == b"\x00\xff"


async def test_sixty_kilobytes_in_a_payload_are_taken(submits: Submits, bound: NpmPeer) -> None:
    answer = await bound.ask("submit_sm", destination_addr="4799999999", message_payload=octets(bytes(60_000)))

    assert answer["command_status"] == ESME_ROK
    assert submits.messages[0].tlv(MESSAGE_PAYLOAD) == bytes(60_000)


async def test_answers_in_any_order_find_their_submits(submits: Submits, bound: NpmPeer) -> None:
    submits.answering = False
    tags = [bound.order("submit_sm", destination_addr="4799999999", short_message=f"{n}") for n in range(WINDOW)]
    await wait_until(lambda: len(submits.replies) == WINDOW)

    for message, reply in reversed(list(zip(submits.messages, submits.replies, strict=True))):
        reply(ESME_ROK, b"id-" + message.short_message)

    assert [(await bound.answer(tag))["message_id"] for tag in tags] == [f"id-{n}" for n in range(WINDOW)]


@pytest.mark.parametrize("status", [ESME_RTHROTTLED, 0x4A1])
async def test_a_refusal_reaches_it_with_its_status(status: int, submits: Submits, bound: NpmPeer) -> None:
    submits.answering = False
    tag = bound.order("submit_sm", destination_addr="4799999999", short_message="hei")
    await wait_until(lambda: len(submits.replies) == 1)

    submits.replies[0](status)

    assert (await bound.answer(tag))["command_status"] == status


async def test_it_reads_our_receipt_and_answers(submits: Submits, bound: NpmPeer) -> None:
    receipt = DeliverSm(
        source_addr=b"4799999999",
        destination_addr=b"2077",
        esm_class=ESM_CLASS_DELIVERY_RECEIPT,
        short_message=b"id:1 sub:001 dlvrd:001 submit date:2611231200 done date:2611231200 stat:DELIVRD err:000 text:",
        tlvs=((RECEIPTED_MESSAGE_ID, b"1\0"), (MESSAGE_STATE, b"\2"), (NETWORK_ERROR_CODE, b"\3\0\5")),
    )

    taken = submits.sessions[0].deliver(receipt)

    read = await bound.request("deliver_sm")
    assert (read["source_addr"], read["destination_addr"]) == ("4799999999", "2077")
    assert read["short_message"]["message"] == receipt.short_message.decode()
    assert (read["receipted_message_id"], read["message_state"]) == ("1", 2)
    assert read["network_error_code"] == {"hex": "030005"}
    assert await taken == Accepted(b"")


async def test_its_refusal_of_a_message_is_ours_to_handle(submits: Submits, bound: NpmPeer) -> None:
    await bound.answer_with("deliver_sm", {"command_status": ESME_RX_T_APPN})

    assert await submits.sessions[0].deliver(DeliverSm(short_message=b"hei")) == Refused(ESME_RX_T_APPN)


async def test_its_other_requests_reach_the_application_and_their_answers_it(submits: Submits, bound: NpmPeer) -> None:
    submits.unsuccessful = (Unsuccessful(Address(1, 1, b"4799999998"), ESME_RINVDSTADR),)
    source = {"source_addr_ton": 5, "source_addr": "Budstikke"}
    number = {"dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": "4799999999"}

    query = await bound.ask("query_sm", message_id="7f", **source)
    cancel = await bound.ask("cancel_sm", message_id="7f", **source, **number)
    replace = await bound.ask("replace_sm", message_id="7f", **source, registered_delivery=1, short_message="nytt")
    data = await bound.ask("data_sm", **source, **number, message_payload="hei", user_message_reference=7)
    multi = await bound.ask("submit_multi", **source, dest_address=[number, {"dl_name": "alle"}], short_message="hei")

    answers = (query, cancel, replace, data, multi)
    assert [answer["command_status"] for answer in answers] == [ESME_ROK] * len(answers)
    assert (query["message_id"], query["message_state"]) == ("7f", 2)
    assert data["message_id"] == "7"
    assert multi["unsuccess_sme"] == [
        {"dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": "4799999998", "error_status_code": ESME_RINVDSTADR}
    ]
    sender, recipient = Address(5, 0, b"Budstikke"), Address(1, 1, b"4799999999")
    assert submits.requests == [
        QuerySm(b"7f", sender),
        CancelSm(b"", b"7f", sender, recipient),
        ReplaceSm(b"7f", sender, registered_delivery=1, short_message=b"nytt"),
        DataSm(
            b"", sender, recipient, data_coding=1, tlvs=((MESSAGE_PAYLOAD, b"hei"), (USER_MESSAGE_REFERENCE, b"\0\7"))
        ),
        SubmitMulti(b"", sender, (recipient, DistributionList(b"alle")), data_coding=1, short_message=b"hei"),
    ]


async def test_it_learns_that_we_unbind(submits: Submits, bound: NpmPeer) -> None:
    await submits.sessions[0].unbind(2)

    assert (await bound.request("unbind"))["command"] == "unbind"
    assert await bound.says("closed")
    assert submits.endings == [Ending.UNBOUND]
