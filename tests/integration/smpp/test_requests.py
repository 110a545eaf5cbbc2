"""The requests beside submit_sm and deliver_sm, between our client and our server, and against odd peers."""

from __future__ import annotations

import pytest

from shared.smpp.addresses import Address
from shared.smpp.codec import encode_alert, encode_header, encode_request
from shared.smpp.constants import (
    ALERT_NOTIFICATION,
    BIND_RECEIVER,
    CANCEL_SM_RESP,
    DATA_SM,
    DATA_SM_RESP,
    ESME_RCANCELFAIL,
    ESME_RINVBNDSTS,
    ESME_RINVCMDID,
    ESME_RINVDSTADR,
    ESME_RINVPARLEN,
    ESME_ROK,
    ESME_RQUERYFAIL,
    ESME_RX_P_APPN,
    GENERIC_NACK,
    MESSAGE_PAYLOAD,
    MESSAGE_STATE_UNKNOWN,
    QUERY_SM,
    QUERY_SM_RESP,
    RESPONSE_BIT,
    SUBMIT_MULTI_RESP,
    SUBMIT_SM_RESP,
)
from shared.smpp.errors import UnencodablePdu, WindowFull, WrongDirection
from shared.smpp.requests import (
    AlertNotification,
    CancelSm,
    DataSm,
    MultiAnswer,
    QueryAnswer,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    Unsuccessful,
)
from shared.smpp.results import Accepted, Ending, Refused, Unknown
from shared.smpp.settings import BindMode
from tests.integration.smpp.peers import QUICK_SWEEP, Lines, Received, Submits, manual_clock, pdu
from tests.support import wait_until

SENDER, HANDSET = Address(5, 0, b"Budstikke"), Address(1, 1, b"4799999999")
QUERY, CANCEL = QuerySm(b"12", SENDER), CancelSm(b"", b"12", SENDER, HANDSET)
MULTI = SubmitMulti(source=SENDER, destinations=(HANDSET, SENDER), short_message=b"hei")
DATA = DataSm(source=SENDER, destination=HANDSET, tlvs=((MESSAGE_PAYLOAD, b"hei"),))


async def test_each_is_asked_and_answered(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    bind = await lines.client(server)
    submits.unsuccessful = (Unsuccessful(SENDER, ESME_RINVDSTADR),)

    assert await bind.query(QUERY) == QueryAnswer(b"12", b"261123120000000+", 2)
    assert await bind.cancel(CANCEL) == Accepted(b"")
    assert await bind.replace(ReplaceSm(b"12", SENDER, short_message=b"nei")) == Accepted(b"")
    assert await bind.data(DATA) == Accepted(b"7")
    assert await bind.submit_multi(MULTI) == MultiAnswer(b"7", submits.unsuccessful)
    assert submits.requests[-1] == MULTI


async def test_answers_out_of_order_find_their_requests(lines: Lines) -> None:
    bind, peer = await lines.bound()
    query, cancel, data, multi = bind.query(QUERY), bind.cancel(CANCEL), bind.data(DATA), bind.submit_multi(MULTI)
    frames = await peer.read_many(4)

    peer.send(
        pdu(SUBMIT_MULTI_RESP, frames[3][2], b"9\0\0"),
        pdu(DATA_SM_RESP, frames[2][2], b"8\0"),
        pdu(CANCEL_SM_RESP, frames[1][2], status=ESME_RCANCELFAIL),
        pdu(QUERY_SM_RESP, frames[0][2], status=ESME_RQUERYFAIL),
    )

    assert await query == Refused(ESME_RQUERYFAIL)
    assert await cancel == Refused(ESME_RCANCELFAIL)
    assert await data == Accepted(b"8")
    assert await multi == MultiAnswer(b"9")


async def test_they_share_the_window_and_end_unknown_with_the_link(lines: Lines) -> None:
    bind, peer = await lines.bound(window=2)
    query, multi = bind.query(QUERY), bind.submit_multi(MULTI)
    with pytest.raises(WindowFull):
        bind.cancel(CANCEL)
    await peer.read_many(2)

    peer.reset()

    assert await query == Unknown(Ending.LINK_LOST)
    assert await multi == Unknown(Ending.LINK_LOST)


async def test_one_without_answer_ends_by_the_timer_and_a_late_answer_is_told(lines: Lines) -> None:
    clock = manual_clock()
    bind, peer = await lines.bound(received := Received(), timers=QUICK_SWEEP, clock=clock)
    query = bind.query(QUERY)
    _, _, sequence, _ = await peer.read()

    clock.advance(10)
    assert await query == Unknown(Ending.NO_RESPONSE)

    peer.send(pdu(QUERY_SM_RESP, sequence, b"12\0\0\2\0"))
    await wait_until(lambda: bool(received.late))
    assert received.late == [(query, QueryAnswer(b"12", message_state=2))]


async def test_an_answer_of_another_kind_and_one_cut_short_are_oddities(lines: Lines) -> None:
    bind, peer = await lines.bound()
    query = bind.query(QUERY)
    _, _, sequence, _ = await peer.read()

    peer.send(pdu(SUBMIT_SM_RESP, sequence, b"12\0"))
    assert await peer.answers_enquire_link()
    assert not query.done()
    peer.send(pdu(QUERY_SM_RESP, sequence, b"12\0"))

    assert await query == QueryAnswer(b"12", b"", MESSAGE_STATE_UNKNOWN, oddity="query_sm_resp cut short")
    assert bind.oddities == {"response to nothing": 1, "query_sm_resp cut short": 1}


async def test_a_receiver_asks_for_nothing(lines: Lines) -> None:
    bind, peer = await lines.bound(mode=BindMode.RECEIVER)

    for ask, request in ((bind.query, QUERY), (bind.submit_multi, MULTI), (bind.data, DATA)):
        with pytest.raises(WrongDirection):
            ask(request)  # type: ignore[operator]
    assert await peer.answers_enquire_link()


async def test_what_does_not_fit_is_not_written_and_takes_no_slot(lines: Lines) -> None:
    bind, peer = await lines.bound()

    with pytest.raises(UnencodablePdu):
        bind.query(QuerySm(b"1\0"))

    assert bind.in_flight == 0
    assert await peer.answers_enquire_link()


@pytest.mark.parametrize("request_", [QUERY, CANCEL, MULTI, DATA], ids=lambda value: type(value).__name__)
async def test_a_receiver_that_asks_is_told_so_in_the_matching_response(lines: Lines, request_: QuerySm) -> None:
    server = await lines.listening(submits := Submits())
    peer = await lines.bound_raw_client(server, BIND_RECEIVER)

    peer.send(encode_request(5, request_))

    assert await peer.read() == (request_.command_id | RESPONSE_BIT, ESME_RINVBNDSTS, 5, b"")
    assert submits.requests == []


async def test_without_a_callback_they_are_commands_that_nobody_knows(lines: Lines) -> None:
    server = await lines.listening(on_request=None)
    peer = await lines.bound_raw_client(server)

    peer.send(encode_request(5, QUERY))

    assert await peer.read() == (GENERIC_NACK, ESME_RINVCMDID, 5, b"")
    assert await peer.answers_enquire_link()


async def test_an_answer_of_the_wrong_kind_is_not_sent_and_the_right_one_still_can_be(lines: Lines) -> None:
    server = await lines.listening(submits := Submits(answering=False))
    peer = await lines.bound_raw_client(server)
    peer.send(encode_request(5, QUERY))
    await wait_until(lambda: bool(submits.replies))

    with pytest.raises(UnencodablePdu):
        submits.replies[0].answer(MultiAnswer(b"1"))
    assert submits.replies[0].answer(QueryAnswer(b"12"))
    assert not submits.replies[0].answer(QueryAnswer(b"12"))

    assert (await peer.read())[:3] == (QUERY_SM | RESPONSE_BIT, ESME_ROK, 5)


async def test_a_server_sends_data_to_a_receiver(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    await lines.client(server, received := Received())
    await wait_until(lambda: bool(submits.sessions))

    result = submits.sessions[0].data(DATA)
    await wait_until(lambda: bool(received.replies))
    received.replies[0](ESME_RX_P_APPN)

    assert await result == Refused(ESME_RX_P_APPN)
    assert received.data == [DATA]


async def test_a_data_sm_cut_inside_a_tlv_is_refused_by_a_server_and_kept_by_a_client(lines: Lines) -> None:
    body = encode_request(1, DATA)[16:-1]
    server = await lines.listening(submits := Submits())
    esme = await lines.bound_raw_client(server)
    esme.send(pdu(DATA_SM, 5, body))
    assert await esme.read() == (DATA_SM_RESP, ESME_RINVPARLEN, 5, b"")
    assert submits.requests == []

    bind, smsc = await lines.bound(received := Received())
    smsc.send(pdu(DATA_SM, 5, body))
    await wait_until(lambda: bool(received.data))
    assert received.data[0].tail == b"\x04\x24\0\3he"
    assert bind.oddities == {"TLV with a wrong length": 1}


async def test_an_alert_is_told_and_never_answered(lines: Lines) -> None:
    bind, peer = await lines.bound(received := Received())
    alert = AlertNotification(HANDSET, SENDER, ((0x0422, b"\0"),))

    peer.send(encode_alert(5, alert), pdu(ALERT_NOTIFICATION, 6, b"cut short"))

    assert await peer.answers_enquire_link()
    assert received.alerts == [alert]
    assert bind.oddities == {"body ends before its mandatory fields": 1}


async def test_a_server_tells_an_alert_to_its_receivers(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())
    bind = await lines.client(server, received := Received())
    await wait_until(lambda: bool(submits.sessions))

    submits.sessions[0].alert(AlertNotification(HANDSET, SENDER))
    await wait_until(lambda: bool(received.alerts))

    assert bind.oddities == {}


async def test_an_answer_to_nothing_we_asked_is_only_noted(lines: Lines) -> None:
    bind, peer = await lines.bound()

    peer.send(encode_header(QUERY_SM_RESP, ESME_ROK, 77))

    assert await peer.answers_enquire_link()
    assert bind.oddities["response to nothing"] == 1
