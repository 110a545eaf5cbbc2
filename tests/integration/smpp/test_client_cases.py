"""The client against peers that misbehave: each case is a defect that was seen in some library."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from shared.smpp.addresses import Address
from shared.smpp.codec import encode_header, encode_request, encode_response
from shared.smpp.constants import (
    BIND_TRANSCEIVER,
    DATA_SM_RESP,
    DELIVER_SM,
    DELIVER_SM_RESP,
    ESM_CLASS_DELIVERY_RECEIPT,
    ESME_RINVCMDID,
    ESME_RINVPARLEN,
    ESME_RINVPASWD,
    ESME_RMSGQFUL,
    ESME_ROK,
    ESME_RTHROTTLED,
    ESME_RX_T_APPN,
    GENERIC_NACK,
    MAX_SEQUENCE,
    MESSAGE_PAYLOAD,
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    UNBIND,
    UNBIND_RESP,
)
from shared.smpp.errors import BindRefused, BindTimedOut, ConnectFailed, NotBound, WindowFull, WrongDirection
from shared.smpp.pdu import DeliverSm, SubmitSm
from shared.smpp.receipts import ReceiptState, parse
from shared.smpp.requests import DataSm
from shared.smpp.results import Accepted, Ending, Refused, Unknown
from shared.smpp.settings import BindMode, Timers
from tests.integration.smpp.peers import (
    INCOMING,
    MESSAGE,
    QUICK_SWEEP,
    Lines,
    Received,
    Submits,
    deliver_sm,
    manual_clock,
    pdu,
    sequences,
)
from tests.support import wait_until

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("window", [10, 50, 200])
async def test_c1_every_submit_is_answered_at_any_window(lines: Lines, window: int) -> None:
    server = await lines.listening(submits := Submits())
    bind = await lines.client(server, window=window)
    received = Received()

    for number in range(2_000):
        await bind.writable()
        bind.send(MESSAGE, number, received.on_result)
    await wait_until(lambda: len(received.results) == 2_000)

    assert set(map(type, received.results.values())) == {Accepted}
    assert len(submits.messages) == 2_000


async def test_c38_nothing_is_kept_of_messages_that_ended(lines: Lines) -> None:
    server = await lines.listening()
    bind = await lines.client(server)

    for _ in range(20):
        await asyncio.gather(*(bind.submit(MESSAGE) for _ in range(bind.free)))

    (session,) = server.sessions
    for end in (bind, session):
        assert len(end._window._waiting) == len(end._window._late) == len(end._frames) == len(end._out) == 0


async def test_c2_a_window_of_five_sends_five(lines: Lines) -> None:
    bind, peer = await lines.bound(window=5)
    received = Received()

    for number in range(5):
        bind.send(MESSAGE, number, received.on_result)
    with pytest.raises(WindowFull):
        bind.send(MESSAGE, 5, received.on_result)

    assert len(await peer.read_many(5)) == 5
    assert (bind.free, bind.in_flight) == (0, 5)
    assert await peer.answers_enquire_link()


async def test_a_freed_slot_is_told_and_can_be_used(lines: Lines) -> None:
    bind, peer = await lines.bound(window=1)
    first = bind.submit(MESSAGE)
    _, _, sequence, _ = await peer.read()

    waiting = asyncio.create_task(bind.writable())
    peer.send(encode_response(SUBMIT_SM, ESME_ROK, sequence, b"1"))
    await waiting

    assert first.result() == Accepted(b"1")
    bind.submit(MESSAGE)


async def test_c3_c5_a_lost_connection_leaves_every_submit_unknown(lines: Lines) -> None:
    bind, peer = await lines.bound(received := Received())
    for number in range(3):
        bind.send(MESSAGE, number, received.on_result)
    await peer.read_many(3)

    peer.reset()

    assert await bind.closed is Ending.LINK_LOST
    assert received.results == dict.fromkeys(range(3), Unknown(Ending.LINK_LOST))
    assert received.endings == [Ending.LINK_LOST]
    with pytest.raises(NotBound):
        bind.submit(MESSAGE)


async def test_c4_c5_unanswered_submits_expire_by_the_timer_alone(lines: Lines) -> None:
    clock = manual_clock()
    bind, peer = await lines.bound(received := Received(), timers=QUICK_SWEEP, clock=clock)
    for number in range(4):
        bind.send(MESSAGE, number, received.on_result)
    await peer.read_many(4)

    clock.advance(10)
    await wait_until(lambda: len(received.results) == 4)

    assert received.results == dict.fromkeys(range(4), Unknown(Ending.NO_RESPONSE))
    assert bind.free == 10
    assert not bind.closed.done()


async def test_c5_a_session_the_peer_ends_is_told_from_a_lost_link(lines: Lines) -> None:
    bind, peer = await lines.bound()
    submit = bind.submit(MESSAGE)
    await peer.read()

    peer.send(encode_header(UNBIND, ESME_ROK, 1))

    assert await submit == Unknown(Ending.PEER_UNBOUND)


async def test_an_answer_after_the_timeout_is_told_apart(lines: Lines) -> None:
    clock = manual_clock()
    bind, peer = await lines.bound(received := Received(), timers=QUICK_SWEEP, clock=clock)
    bind.send(MESSAGE, "message", received.on_result)
    _, _, sequence, _ = await peer.read()
    clock.advance(10)
    await wait_until(lambda: bool(received.results))

    peer.send(encode_response(SUBMIT_SM, ESME_ROK, sequence, b"late"))
    await wait_until(lambda: bool(received.late))

    assert received.results == {"message": Unknown(Ending.NO_RESPONSE)}
    assert received.late == [("message", Accepted(b"late"))]


@pytest.mark.parametrize("body", [b"", b"smsc\0"], ids=["c7 without body", "c6 with body"])
async def test_c6_c7_a_refused_bind_reports_its_status_at_once(lines: Lines, body: bytes) -> None:
    task, peer, (command_id, _, sequence, _) = await lines.connecting(Received())

    peer.send(pdu(command_id | 0x80000000, sequence, body, ESME_RINVPASWD))

    with pytest.raises(BindRefused) as caught:
        await task
    assert caught.value.status == ESME_RINVPASWD
    assert await peer.sees_the_end()


async def test_a_bind_answered_with_generic_nack_is_refused(lines: Lines) -> None:
    task, peer, (_, _, sequence, _) = await lines.connecting(Received())

    peer.send(encode_header(GENERIC_NACK, ESME_RINVCMDID, sequence))

    with pytest.raises(BindRefused) as caught:
        await task
    assert caught.value.status == ESME_RINVCMDID


async def test_a_bind_without_answer_times_out(lines: Lines) -> None:
    task, peer, _ = await lines.connecting(Received(), timers=Timers(connect=0.05))

    with pytest.raises(BindTimedOut):
        await task
    assert await peer.sees_the_end()


async def test_a_link_lost_before_the_answer_to_the_bind_is_no_refusal(lines: Lines) -> None:
    task, peer, _ = await lines.connecting(Received())

    peer.close()

    with pytest.raises(ConnectFailed):
        await task


async def test_c8_the_id_and_the_tlvs_of_an_answer_are_apart(lines: Lines) -> None:
    bind, peer = await lines.bound()
    submit = bind.submit(MESSAGE)
    _, _, sequence, _ = await peer.read()

    peer.send(encode_response(SUBMIT_SM, ESME_ROK, sequence, b"12", ((0x1401, b"vendor"),)))

    assert await submit == Accepted(b"12", ((0x1401, b"vendor"),))


@pytest.mark.parametrize(
    ("body", "message_id", "oddity"),
    [
        (b"\xe5\xe612\0", b"\xe5\xe612", None),
        (b"12", b"12", "id without NUL"),
        (b"12\0", b"12", None),
        (b"", b"", None),
        (b"12\0\x14\x01\x00\x09", b"12", "TLV with a wrong length"),
    ],
    ids=["c9 c10 Latin-1", "c10 no NUL", "c34 without the NUL", "no body", "c39 bad TLV"],
)
async def test_c9_c10_c34_c39_odd_ids_are_matched_and_the_link_kept(
    lines: Lines, body: bytes, message_id: bytes, oddity: str | None
) -> None:
    bind, peer = await lines.bound()
    submit = bind.submit(MESSAGE)
    _, _, sequence, _ = await peer.read()

    peer.send(pdu(SUBMIT_SM_RESP, sequence, body))

    assert await submit == Accepted(message_id)
    assert list(bind.oddities) == ([oddity] if oddity else [])
    assert await peer.answers_enquire_link()


@pytest.mark.parametrize("status", [ESME_RTHROTTLED, 0x4A1, 0xFFFFFFFF], ids=["c36 throttled", "c13 vendor", "c14 any"])
async def test_c13_c14_c36_a_status_is_one_result_with_its_number(lines: Lines, status: int) -> None:
    bind, peer = await lines.bound(received := Received())
    bind.send(MESSAGE, "message", received.on_result)
    _, _, sequence, _ = await peer.read()

    peer.send(pdu(SUBMIT_SM_RESP, sequence, status=status))

    assert await peer.answers_enquire_link()
    assert received.results == {"message": Refused(status)}
    assert Refused(status).throttled is (status == ESME_RTHROTTLED)
    assert (bind.throttled_at is not None) is (status == ESME_RTHROTTLED)


async def test_c14_c24_an_unknown_command_is_nacked_and_the_link_kept(lines: Lines) -> None:
    _, peer = await lines.bound()

    peer.send(pdu(0x000000FF, 9, b"whatever"))

    assert await peer.read() == (GENERIC_NACK, ESME_RINVCMDID, 9, b"")
    assert await peer.answers_enquire_link()


async def test_an_unknown_or_unasked_response_is_never_answered(lines: Lines) -> None:
    bind, peer = await lines.bound()

    peer.send(*(pdu(command_id, 77) for command_id in (0x800000FF, SUBMIT_SM_RESP, DELIVER_SM_RESP, UNBIND_RESP)))
    peer.send(pdu(0x80000009, 1))

    assert await peer.answers_enquire_link()
    assert sum(bind.oddities.values()) == 5


async def test_an_answer_of_the_wrong_kind_settles_nothing(lines: Lines) -> None:
    bind, peer = await lines.bound()
    bind.submit(MESSAGE)
    _, _, sequence, _ = await peer.read()

    peer.send(pdu(DELIVER_SM_RESP, sequence, b"\0"))

    assert await peer.answers_enquire_link()
    assert bind.in_flight == 1


async def test_c11_c12_odd_addresses_are_handed_on_as_octets(lines: Lines) -> None:
    _, peer = await lines.bound(received := Received())
    message = DeliverSm(source_addr=b"Bl\xe5b\xe6r", destination_addr=b"4" * 300, short_message=b"\xff")

    peer.send(deliver_sm(1, message))

    assert await peer.answers_enquire_link()
    assert received.delivered == [message]


@pytest.mark.parametrize(
    ("text", "tlvs"),
    [
        (b"id:12 stat:DELIVRD err:001", ((MESSAGE_STATE, b"\0\0\0\0\2"),)),
        (b"id:12 stat:DELIVRD err:001", ((NETWORK_ERROR_CODE, b"\3\0\1"),)),
        (b"id:12 stat:DELIVRD err:0A1", ()),
        (b"id:12 stat:DELIVRD err:", ()),
        (b"id:12 stat:DELIVRD err:03:001", ()),
        (b"id:12 submit date:261123120000 done date:000000000000 stat:DELIVRD err:000", ()),
        (b"id: 12 stat:DELIVRD", ()),
    ],
    ids=["c15", "c16", "c17 hex", "c17 empty", "c17 colon", "c18", "c19"],
)
async def test_c15_c16_c17_c18_c19_an_odd_receipt_is_handed_on_once_and_the_link_kept(
    lines: Lines, text: bytes, tlvs: tuple[tuple[int, bytes], ...]
) -> None:
    _, peer = await lines.bound(received := Received())
    message = DeliverSm(esm_class=ESM_CLASS_DELIVERY_RECEIPT, short_message=text, tlvs=tlvs)

    peer.send(deliver_sm(1, message))

    assert await peer.answers_enquire_link()
    assert received.delivered == [message]
    receipt = parse(received.delivered[0])
    assert receipt is not None
    assert (receipt.message_id, receipt.state) == (b"12", ReceiptState.DELIVERED)


@pytest.mark.parametrize(
    "tail",
    [b"\0", b"\x04\x27\0\5\2", b"\0\x1e\xff\xff1", b"\x04\x23\0\x03\x03", b"\x04\x27\0\1\2\x04"],
    ids=["one octet", "message_state", "receipted_message_id", "network_error_code", "a half header"],
)
async def test_c39_a_wrong_tlv_length_is_an_oddity_and_the_message_handed_on(lines: Lines, tail: bytes) -> None:
    bind, peer = await lines.bound(received := Received())

    peer.send(pdu(DELIVER_SM, 1, deliver_sm(1)[16:] + tail))

    assert await peer.answers_enquire_link()
    assert received.delivered[0].short_message == INCOMING.short_message
    assert bind.oddities == {"TLV with a wrong length": 1}


async def test_c20_nothing_is_acknowledged_before_the_application_says_so(lines: Lines) -> None:
    bind, peer = await lines.bound(received := Received())

    peer.send(*(deliver_sm(number) for number in range(1, 10)))

    assert await peer.answers_enquire_link()
    assert bind.unanswered == 9
    received.replies[4]()
    assert await peer.read() == (DELIVER_SM_RESP, ESME_ROK, 5, b"\0")
    bind.abort()
    assert await peer.sees_the_end()
    assert received.replies[0]() is False


async def test_c21_the_application_can_refuse_a_deliver(lines: Lines) -> None:
    _, peer = await lines.bound(received := Received())

    peer.send(deliver_sm(3))
    await wait_until(lambda: bool(received.replies))
    sent, again = received.replies[0](ESME_RMSGQFUL), received.replies[0](ESME_ROK)

    assert (sent, again) == (True, False)
    assert (await peer.read())[:3] == (DELIVER_SM_RESP, ESME_RMSGQFUL, 3)
    assert await peer.answers_enquire_link()


@pytest.mark.parametrize("length", [0, 1, 20, 30], ids=lambda length: f"{length} octets")
async def test_c22_c23_c24_a_truncated_deliver_is_refused_and_not_handed_on(lines: Lines, length: int) -> None:
    _, peer = await lines.bound(received := Received())

    peer.send(pdu(DELIVER_SM, 6, deliver_sm(1)[16 : 16 + length]))

    assert await peer.read() == (DELIVER_SM_RESP, ESME_RINVPARLEN, 6, b"")
    assert await peer.answers_enquire_link()
    assert received.delivered == []


@pytest.mark.parametrize("length", [0, 15, 16 * 1024 * 1024, 0xFFFFFFFF])
async def test_c25_an_impossible_length_ends_the_link_at_once(lines: Lines, length: int) -> None:
    bind, peer = await lines.bound()
    submit = bind.submit(MESSAGE)
    await peer.read()

    peer.send(struct.pack(">I", length))

    assert await submit == Unknown(Ending.PROTOCOL_ERROR)
    assert await peer.sees_the_end()


async def test_c26_delivers_arrive_in_order(lines: Lines) -> None:
    _, peer = await lines.bound(received := Received(), max_unanswered=1_000)

    peer.send(*(deliver_sm(number, DeliverSm(short_message=b"%d" % number)) for number in range(500)))

    assert await peer.answers_enquire_link()
    assert [message.short_message for message in received.delivered] == [b"%d" % number for number in range(500)]


async def test_c27_data_sm_reaches_the_application_which_decides(lines: Lines) -> None:
    bind, peer = await lines.bound(received := Received())
    data = DataSm(source=Address(1, 1, b"4799999999"), tlvs=((MESSAGE_PAYLOAD, b"hei"),))

    peer.send(encode_request(8, data), encode_request(9, data))
    await wait_until(lambda: len(received.replies) == 2)
    received.replies[0](ESME_ROK, b"12")
    received.replies[1](ESME_RX_T_APPN)

    assert received.data == [data, data]
    assert await peer.read_many(2) == [
        (DATA_SM_RESP, ESME_ROK, 8, b"12\0"),
        (DATA_SM_RESP, ESME_RX_T_APPN, 9, b""),
    ]
    assert not bind.oddities


async def test_c28_an_unbind_of_the_peer_is_answered_and_ends_cleanly(lines: Lines) -> None:
    bind, peer = await lines.bound(received := Received())

    peer.send(encode_header(UNBIND, ESME_ROK, 12))

    assert await peer.read() == (UNBIND_RESP, ESME_ROK, 12, b"")
    assert await peer.sees_the_end()
    assert await bind.closed is Ending.PEER_UNBOUND
    assert received.endings == [Ending.PEER_UNBOUND]


async def test_c29_a_peer_that_closes_on_our_unbind_is_a_clean_end(lines: Lines) -> None:
    bind, peer = await lines.bound()

    unbinding = asyncio.create_task(bind.unbind(5))
    assert (await peer.read())[0] == UNBIND
    peer.close()
    await unbinding

    assert await bind.closed is Ending.UNBOUND


async def test_unbind_lets_open_submits_end_first(lines: Lines) -> None:
    bind, peer = await lines.bound(received := Received())
    submit = bind.submit(MESSAGE)
    _, _, sequence, _ = await peer.read()
    peer.send(deliver_sm(1))
    await wait_until(lambda: bind.unanswered == 1)

    unbinding = asyncio.create_task(bind.unbind(5))
    peer.send(encode_response(SUBMIT_SM, ESME_ROK, sequence, b"1"))
    assert await submit == Accepted(b"1")
    assert bind.free == 0
    received.replies[0]()

    assert (await peer.read())[0] == DELIVER_SM_RESP
    _, _, sequence, _ = await peer.read()
    peer.send(encode_header(UNBIND_RESP, ESME_ROK, sequence))
    await unbinding
    assert await bind.closed is Ending.UNBOUND


async def test_unbind_gives_up_at_its_deadline(lines: Lines) -> None:
    bind, _ = await lines.bound()
    submit = bind.submit(MESSAGE)

    await bind.unbind(0.05)

    assert await submit == Unknown(Ending.UNBOUND)
    assert bind.closed.result() is Ending.UNBOUND


async def test_c30_the_sequence_number_wraps_on_the_wire(lines: Lines) -> None:
    bind, peer = await lines.bound()
    held = bind.submit(MESSAGE)
    first = (await peer.read())[2]
    bind._window._next = MAX_SEQUENCE

    submits = [bind.submit(MESSAGE) for _ in range(first + 1)]

    assert sequences(await peer.read_many(first + 1)) == [
        MAX_SEQUENCE,
        *(number for number in range(1, first + 2) if number != first),
    ]
    assert not held.done()
    assert len(submits) == first + 1


async def test_c31_a_short_message_without_udh_or_payload_is_sent(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    bind = await lines.client(server)

    assert await bind.submit(SubmitSm(destination_addr=b"4799999999", short_message=b"x")) == Accepted(b"1")
    assert submits.messages[0].short_message == b"x"


async def test_c32_c33_a_long_password_binds_to_interface_version_3_4(lines: Lines) -> None:
    task, peer, (command_id, _, sequence, body) = await lines.connecting(Received())

    peer.send(encode_response(command_id, ESME_ROK, sequence, b"smsc", ((0x0210, b"\x34"),)))

    assert (await task).mode is BindMode.TRANSCEIVER
    assert command_id == BIND_TRANSCEIVER
    assert body.split(b"\0")[1] == b"a password of thirty characters"


async def test_c35_a_receiver_bind_refuses_a_submit(lines: Lines) -> None:
    bind, peer = await lines.bound(mode=BindMode.RECEIVER)

    with pytest.raises(WrongDirection):
        bind.submit(MESSAGE)
    assert bind.free == 0
    assert await peer.answers_enquire_link()


async def test_a_submit_answered_with_generic_nack_is_refused(lines: Lines) -> None:
    bind, peer = await lines.bound()
    submit = bind.submit(MESSAGE)
    _, _, sequence, _ = await peer.read()

    peer.send(encode_header(GENERIC_NACK, ESME_RINVCMDID, sequence))

    assert await submit == Refused(ESME_RINVCMDID)


def test_c37_twenty_five_clean_stops_in_one_process() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.integration.smpp.clean_stops"],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout.split() == [b"unbound"] * 25
