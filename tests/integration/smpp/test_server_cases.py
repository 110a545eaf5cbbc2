"""The server against clients that misbehave: each case is a defect that was seen in some library."""

from __future__ import annotations

import asyncio
import struct

import pytest

from shared.smpp.addresses import Address
from shared.smpp.client import connect
from shared.smpp.codec import encode_bind, encode_header, encode_request, encode_response
from shared.smpp.constants import (
    BIND_RECEIVER,
    BIND_RECEIVER_RESP,
    BIND_TRANSCEIVER,
    BIND_TRANSCEIVER_RESP,
    BIND_TRANSMITTER,
    BIND_TRANSMITTER_RESP,
    DELIVER_SM,
    ENQUIRE_LINK,
    ESME_RALYBND,
    ESME_RINVBNDSTS,
    ESME_RINVPARLEN,
    ESME_RINVPASWD,
    ESME_ROK,
    ESME_RSYSERR,
    ESME_RTHROTTLED,
    GENERIC_NACK,
    MESSAGE_PAYLOAD,
    RESPONSE_BIT,
    SUBMIT_SM_RESP,
    UNBIND,
    UNBIND_RESP,
)
from shared.smpp.errors import BindRefused, WrongDirection
from shared.smpp.pdu import BindRequest, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.requests import CancelSm, DataSm, DistributionList, QuerySm, ReplaceSm, Request, SubmitMulti
from shared.smpp.results import Accepted, Ending, Refused, Unknown
from shared.smpp.server import ServerSession, serve
from shared.smpp.settings import BindSettings, SessionSettings
from tests.integration.smpp.peers import (
    INCOMING,
    MESSAGE,
    PASSWORD,
    QUICK_SWEEP,
    Lines,
    Received,
    Submits,
    manual_clock,
    pdu,
    submit_sm,
)
from tests.support import wait_until

SENDER, HANDSET = Address(5, 0, b"Budstikke"), Address(1, 1, b"4799999999")
GOOD_BIND = BindRequest(b"esme", PASSWORD.encode())


@pytest.mark.parametrize("bound", [False, True], ids=["before the bind", "bound"])
@pytest.mark.parametrize("length", [0, 15, 16 * 1024 * 1024, 0xFFFFFFFF], ids=["s7 0", "15", "16 MiB", "4 GiB"])
async def test_s7_an_impossible_length_closes_the_link_without_waiting(lines: Lines, length: int, bound: bool) -> None:
    server = await lines.listening()
    peer = await lines.bound_raw_client(server) if bound else await lines.raw_client(server)

    peer.send(struct.pack(">I", length))

    assert await peer.sees_the_end()


@pytest.mark.parametrize("length", [0, 1, 10, 28, 35], ids=lambda length: f"{length} octets")
async def test_s6_a_truncated_submit_gets_c2_in_its_own_response_and_the_link_kept(lines: Lines, length: int) -> None:
    server = await lines.listening(submits := Submits())
    peer = await lines.bound_raw_client(server)

    peer.send(pdu(4, 5, submit_sm(5)[16 : 16 + length]))

    assert await peer.read() == (SUBMIT_SM_RESP, ESME_RINVPARLEN, 5, b"")
    assert await peer.answers_enquire_link()
    assert submits.messages == []


async def test_a_truncated_bind_gets_c2_and_may_try_again(lines: Lines) -> None:
    peer = await lines.raw_client(await lines.listening())

    peer.send(pdu(BIND_TRANSCEIVER, 5, b"esme\0pass"))

    assert await peer.read() == (BIND_TRANSCEIVER_RESP, ESME_RINVPARLEN, 5, b"")
    peer.send(encode_bind(BIND_TRANSCEIVER, 6, GOOD_BIND))
    assert (await peer.read())[:3] == (BIND_TRANSCEIVER_RESP, ESME_ROK, 6)


async def test_s5_a_submit_before_the_bind_is_nacked_with_4(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    peer = await lines.raw_client(server)

    peer.send(submit_sm(5))

    assert await peer.read() == (GENERIC_NACK, ESME_RINVBNDSTS, 5, b"")
    assert submits.messages == []
    assert await peer.answers_enquire_link()


async def test_s1_a_wrong_password_is_refused_with_its_status_and_the_link_closed(lines: Lines) -> None:
    server = await lines.listening()
    peer = await lines.raw_client(server)

    peer.send(encode_bind(BIND_TRANSMITTER, 5, BindRequest(b"esme", b"wrong")), submit_sm(6))

    assert await peer.read() == (GENERIC_NACK, ESME_RINVBNDSTS, 6, b"")
    assert await peer.read() == (BIND_TRANSMITTER_RESP, ESME_RINVPASWD, 5, b"")
    assert await peer.sees_the_end()


async def test_s1_our_client_reports_the_status(lines: Lines) -> None:
    server = await lines.listening()

    with pytest.raises(BindRefused) as caught:
        await connect(
            BindSettings(host="127.0.0.1", port=server.port, system_id="esme", password="wrong"),
            on_deliver=Received().on_deliver,
        )
    assert caught.value.status == ESME_RINVPASWD


async def test_s2_the_application_sees_the_peers_address(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    peer = await lines.bound_raw_client(server)

    host, port = peer.writer.get_extra_info("sockname")

    assert [address for address, _ in submits.binds] == [f"{host}:{port}"]


async def test_s2_a_connection_that_does_not_bind_is_closed(lines: Lines) -> None:
    clock = manual_clock()
    peer = await lines.raw_client(
        server := await lines.listening(settings=SessionSettings(timers=QUICK_SWEEP), clock=clock)
    )
    await wait_until(lambda: len(server.sessions) == 1)

    clock.advance(10)

    assert await peer.sees_the_end()


async def test_s2_a_silent_session_is_asked_and_then_closed(lines: Lines) -> None:
    clock = manual_clock()
    server = await lines.listening(submits := Submits(), settings=SessionSettings(timers=QUICK_SWEEP), clock=clock)
    peer = await lines.bound_raw_client(server)

    clock.advance(30)
    assert (await peer.read())[0] == ENQUIRE_LINK
    clock.advance(10)

    assert await peer.sees_the_end()
    await wait_until(lambda: submits.endings == [Ending.PEER_SILENT])


async def test_a_session_that_answers_enquire_link_stands(lines: Lines) -> None:
    clock = manual_clock()
    server = await lines.listening(submits := Submits(), settings=SessionSettings(timers=QUICK_SWEEP), clock=clock)
    peer = await lines.bound_raw_client(server)

    for _ in range(6):
        clock.advance(30)
        command_id, _, sequence, _ = await peer.read()
        assert command_id == ENQUIRE_LINK
        peer.send(encode_header(ENQUIRE_LINK | RESPONSE_BIT, ESME_ROK, sequence))
        assert await peer.answers_enquire_link()

    assert submits.endings == []


async def test_s3_all_fields_reach_the_application(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    peer = await lines.bound_raw_client(server)
    message = SubmitSm(
        service_type=b"CMT",
        source_addr_ton=5,
        source_addr=b"Bl\xe5b\xe6r",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=b"4799999999",
        esm_class=0x43,
        protocol_id=65,
        priority_flag=3,
        schedule_delivery_time=b"261123010203004+",
        validity_period=b"000002000000000R",
        registered_delivery=1,
        replace_if_present_flag=1,
        data_coding=8,
        sm_default_msg_id=2,
        short_message=b"\x05\x00\x03\x01\x02\x01" + b"x" * 153,
        tlvs=((0x0426, b"\1"), (0x1401, b"vendor")),
    )

    peer.send(submit_sm(5, message))

    assert await peer.read() == (SUBMIT_SM_RESP, ESME_ROK, 5, b"1\0")
    assert submits.messages == [message]


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (DataSm(source=SENDER, destination=HANDSET, data_coding=8), b"7\0"),
        (QuerySm(b"12", SENDER), b"12\x00261123120000000+\0\2\0"),
        (CancelSm(b"CMT", b"12", SENDER, HANDSET), b""),
        (ReplaceSm(b"12", SENDER, b"261123010203004+", b"000002000000000R", 1, 2, b"hei"), b""),
        (SubmitMulti(source=SENDER, destinations=(HANDSET, DistributionList(b"staff"))), b"7\0\0"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_s3_s4_every_request_reaches_the_application_which_decides(
    lines: Lines, request_: Request, body: bytes
) -> None:
    server = await lines.listening(submits := Submits())
    peer = await lines.bound_raw_client(server)

    peer.send(encode_request(5, request_))

    assert await peer.read() == (request_.command_id | RESPONSE_BIT, ESME_ROK, 5, body)
    assert submits.requests == [request_]


async def test_s8_a_payload_of_60_kb_is_answered(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    bind = await lines.client(server)
    message = SubmitSm(destination_addr=b"4799999999", tlvs=((MESSAGE_PAYLOAD, b"x" * 60_000),))

    assert await bind.submit(message) == Accepted(b"1")
    assert submits.messages == [message]


async def test_a_second_bind_is_refused_and_the_first_stands(lines: Lines) -> None:
    peer = await lines.bound_raw_client(await lines.listening())

    peer.send(encode_bind(BIND_RECEIVER, 5, GOOD_BIND))

    assert await peer.read() == (BIND_RECEIVER_RESP, ESME_RALYBND, 5, b"")
    assert await peer.answers_enquire_link()


async def test_a_receiver_may_not_submit_and_a_transmitter_is_not_delivered_to(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    receiver = await lines.bound_raw_client(server, BIND_RECEIVER)
    await lines.bound_raw_client(server, BIND_TRANSMITTER)

    receiver.send(submit_sm(5))

    assert await receiver.read() == (SUBMIT_SM_RESP, ESME_RINVBNDSTS, 5, b"")
    with pytest.raises(WrongDirection):
        submits.sessions[1].deliver(INCOMING)


async def test_a_delivery_ends_in_accepted_refused_or_unknown(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    peer = await lines.bound_raw_client(server)
    await wait_until(lambda: len(submits.sessions) == 1)

    results = [submits.sessions[0].deliver(INCOMING) for _ in range(3)]
    frames = await peer.read_many(3)
    peer.send(encode_response(DELIVER_SM, ESME_ROK, frames[0][2]))
    peer.send(encode_response(DELIVER_SM, ESME_RTHROTTLED, frames[1][2]))
    assert await results[1] == Refused(ESME_RTHROTTLED)
    peer.reset()

    assert [await result for result in results] == [
        Accepted(b""),
        Refused(ESME_RTHROTTLED),
        Unknown(Ending.LINK_LOST),
    ]


async def test_an_error_in_the_application_is_reported_and_answered(lines: Lines) -> None:
    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def fail(_: ServerSession, __: SubmitSm, ___: Reply) -> None:
        raise LookupError

    server = await serve("127.0.0.1", 0, authenticate=Submits().authenticate, on_submit=fail)
    peer = await lines.bound_raw_client(server)
    peer.send(submit_sm(5))

    assert await peer.read() == (SUBMIT_SM_RESP, ESME_RSYSERR, 5, b"")
    assert [type(error) for error in reported] == [LookupError]
    peer.close()
    await server.close(1)


async def test_closing_unbinds_every_session_and_stops_listening(lines: Lines) -> None:
    server = await lines.listening()
    peer = await lines.bound_raw_client(server)

    closing = asyncio.create_task(server.close(5))
    command_id, _, sequence, _ = await peer.read()
    assert command_id == UNBIND
    peer.send(encode_header(UNBIND_RESP, ESME_ROK, sequence))
    await closing

    assert server.sessions == ()
    with pytest.raises(OSError, match=r"(?i)connect"):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_an_unbind_is_answered_and_the_session_closed(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    peer = await lines.bound_raw_client(server)

    peer.send(submit_sm(5, MESSAGE), encode_header(UNBIND, ESME_ROK, 6))

    assert [frame[0] for frame in await peer.read_many(2)] == [SUBMIT_SM_RESP, UNBIND_RESP]
    assert await peer.sees_the_end()
    await wait_until(lambda: submits.endings == [Ending.PEER_UNBOUND])
