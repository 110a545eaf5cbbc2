"""Malformed input to a server, one row each: what it answers, and whether the link is kept."""

from __future__ import annotations

import gc
import struct
import tracemalloc
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import msgspec
import pytest

from shared.smpp.addresses import Address
from shared.smpp.codec import (
    encode_alert,
    encode_bind,
    encode_header,
    encode_outbind,
    encode_request,
)
from shared.smpp.constants import (
    BIND_RECEIVER,
    BIND_RECEIVER_RESP,
    BIND_TRANSCEIVER,
    BIND_TRANSCEIVER_RESP,
    CANCEL_SM,
    CANCEL_SM_RESP,
    DATA_SM,
    DATA_SM_RESP,
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    ESME_RALYBND,
    ESME_RINVBNDSTS,
    ESME_RINVCMDID,
    ESME_RINVNUMDESTS,
    ESME_RINVPARLEN,
    ESME_RINVPASWD,
    ESME_ROK,
    GENERIC_NACK,
    MAX_PDU_LENGTH,
    MESSAGE_PAYLOAD,
    QUERY_SM,
    QUERY_SM_RESP,
    REPLACE_SM,
    REPLACE_SM_RESP,
    SUBMIT_MULTI,
    SUBMIT_MULTI_RESP,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    UNBIND,
    UNBIND_RESP,
)
from shared.smpp.framing import Frame
from shared.smpp.pdu import BindRequest, Outbind, SubmitSm
from shared.smpp.requests import AlertNotification, DataSm, QuerySm
from shared.smpp.server import Server
from tests.integration.smpp.peers import Lines, Submits, deliver_sm, pdu, submit_sm
from tests.support import wait_until

BOUND, UNBOUND = True, False
KEPT, CLOSED = True, False
SUBMIT = submit_sm(5)[16:]
PAYLOAD = submit_sm(5, SubmitSm(destination_addr=b"4799999999", tlvs=((MESSAGE_PAYLOAD, b"a long text"),)))[16:]
HANDSET = Address(1, 1, b"4799999999")
QUERY = encode_request(5, QuerySm(b"12", HANDSET))
DATA = encode_request(5, DataSm(b"", HANDSET, HANDSET, tlvs=((MESSAGE_PAYLOAD, b"hei"),)))


def answer(command_id: int, status: int, sequence: int = 5, body: bytes = b"") -> list[Frame]:
    return [(command_id, status, sequence, body)]


def nack(status: int = ESME_RINVCMDID, sequence: int = 5) -> list[Frame]:
    return answer(GENERIC_NACK, status, sequence)


def refused(response_id: int, status: int = ESME_RINVPARLEN) -> list[Frame]:
    return answer(response_id, status)


class Case(msgspec.Struct, frozen=True):
    """Octets sent on a connection, what comes back, and whether it stands then."""

    bound: bool
    octets: bytes
    answers: Sequence[Frame] = ()
    link: bool = KEPT


CASES: Final = {
    "length 0": Case(UNBOUND, bytes(4), [], CLOSED),
    "length 1": Case(UNBOUND, struct.pack(">I", 1), [], CLOSED),
    "length 15": Case(UNBOUND, struct.pack(">I", 15), [], CLOSED),
    "length one too long": Case(UNBOUND, struct.pack(">I", MAX_PDU_LENGTH + 1), [], CLOSED),
    "length 16 MiB": Case(UNBOUND, struct.pack(">I", 16 * 1024 * 1024), [], CLOSED),
    "length 4 GiB": Case(UNBOUND, struct.pack(">I", 0xFFFFFFFF), [], CLOSED),
    "bound, length 0": Case(BOUND, bytes(4), [], CLOSED),
    "bound, length 15": Case(BOUND, struct.pack(">I", 15), [], CLOSED),
    "bound, length 16 MiB and some of it": Case(BOUND, struct.pack(">I", 16 * 1024 * 1024) + bytes(60_000), [], CLOSED),
    "bound, length 4 GiB behind a submit": Case(
        BOUND, submit_sm(5) + struct.pack(">I", 0xFFFFFFFF), answer(SUBMIT_SM_RESP, ESME_ROK, 5, b"1\0"), CLOSED
    ),
    "bound, text instead of PDUs": Case(BOUND, b"GET / HTTP/1.1\r\n\r\n", [], CLOSED),
    "unknown command": Case(UNBOUND, pdu(0x77, 5, b"whatever"), nack()),
    "bound, unknown command": Case(BOUND, pdu(0x77, 5, b"whatever"), nack()),
    "bound, unknown command with 60 kB": Case(BOUND, pdu(0x77, 5, bytes(60_000)), nack()),
    "bound, command 0": Case(BOUND, pdu(0, 5), nack()),
    "bound, vendor command": Case(BOUND, pdu(0x00010200, 5), nack()),
    "bound, broadcast_sm of SMPP 5": Case(BOUND, pdu(0x00000111, 5), nack()),
    "bound, unknown response": Case(BOUND, pdu(0xFFFFFFFF, 5, b"whatever")),
    "bound, deliver_sm": Case(BOUND, deliver_sm(5), nack()),
    "bound, outbind": Case(BOUND, encode_outbind(5, Outbind(b"a", b"b")), nack()),
    "bound, alert_notification": Case(BOUND, encode_alert(5, AlertNotification(HANDSET, HANDSET)), nack()),
    "bound, answers to nothing": Case(
        BOUND, pdu(SUBMIT_SM_RESP, 5) + pdu(DELIVER_SM_RESP, 6, b"x") + pdu(UNBIND_RESP, 7) + pdu(BIND_RECEIVER_RESP, 8)
    ),
    "bound, generic_nack to nothing": Case(BOUND, encode_header(GENERIC_NACK, ESME_RINVCMDID, 5)),
    "bound, submit_sm without body": Case(BOUND, pdu(SUBMIT_SM, 5), refused(SUBMIT_SM_RESP)),
    "bound, submit_sm without NUL": Case(BOUND, pdu(SUBMIT_SM, 5, b"\xff" * 200), refused(SUBMIT_SM_RESP)),
    "bound, submit_sm cut in an address": Case(BOUND, pdu(SUBMIT_SM, 5, SUBMIT[:8]), refused(SUBMIT_SM_RESP)),
    "bound, submit_sm cut in its text": Case(BOUND, pdu(SUBMIT_SM, 5, SUBMIT[:-1]), refused(SUBMIT_SM_RESP)),
    "bound, submit_sm cut in a TLV": Case(BOUND, pdu(SUBMIT_SM, 5, PAYLOAD[:-1]), refused(SUBMIT_SM_RESP)),
    "bound, submit_sm with half a TLV's header": Case(
        BOUND, pdu(SUBMIT_SM, 5, PAYLOAD + b"\4\x24"), refused(SUBMIT_SM_RESP)
    ),
    "bound, submit_multi cut short": Case(BOUND, pdu(SUBMIT_MULTI, 5, b"\0\0\0\0\3"), refused(SUBMIT_MULTI_RESP)),
    "bound, submit_multi to nobody": Case(
        BOUND, pdu(SUBMIT_MULTI, 5, bytes(16)), refused(SUBMIT_MULTI_RESP, ESME_RINVNUMDESTS)
    ),
    "bound, data_sm cut short": Case(BOUND, pdu(DATA_SM, 5, b"CMT"), refused(DATA_SM_RESP)),
    "bound, data_sm cut in a TLV": Case(BOUND, pdu(DATA_SM, 5, DATA[16:-1]), refused(DATA_SM_RESP)),
    "bound, query_sm cut short": Case(BOUND, pdu(QUERY_SM, 5, b"12\0"), refused(QUERY_SM_RESP)),
    "bound, cancel_sm cut short": Case(BOUND, pdu(CANCEL_SM, 5, b"12\0"), refused(CANCEL_SM_RESP)),
    "bound, replace_sm cut short": Case(BOUND, pdu(REPLACE_SM, 5, b"12\0"), refused(REPLACE_SM_RESP)),
    "bound, enquire_link with a body": Case(BOUND, pdu(ENQUIRE_LINK, 5, b"body"), answer(ENQUIRE_LINK_RESP, ESME_ROK)),
    "bound, unbind with a body": Case(BOUND, pdu(UNBIND, 5, b"body"), answer(UNBIND_RESP, ESME_ROK), CLOSED),
    "bound, sequence number 0": Case(BOUND, submit_sm(0), answer(SUBMIT_SM_RESP, ESME_ROK, 0, b"1\0")),
    "bound, sequence number above the highest": Case(
        BOUND, submit_sm(0xFFFFFFFF), answer(SUBMIT_SM_RESP, ESME_ROK, 0xFFFFFFFF, b"1\0")
    ),
    "bound, a second bind": Case(
        BOUND, encode_bind(BIND_RECEIVER, 5, BindRequest()), refused(BIND_RECEIVER_RESP, ESME_RALYBND)
    ),
    "bind without body": Case(UNBOUND, pdu(BIND_TRANSCEIVER, 5), refused(BIND_TRANSCEIVER_RESP)),
    "bind without NUL": Case(UNBOUND, pdu(BIND_TRANSCEIVER, 5, b"x" * 100), refused(BIND_TRANSCEIVER_RESP)),
    "bind cut short": Case(UNBOUND, pdu(BIND_TRANSCEIVER, 5, b"esme\0pass\0\0"), refused(BIND_TRANSCEIVER_RESP)),
    "bind with fields of 60 kB": Case(
        UNBOUND,
        encode_bind(BIND_TRANSCEIVER, 5, BindRequest(b"x" * 30_000, b"y" * 30_000)),
        refused(BIND_TRANSCEIVER_RESP, ESME_RINVPASWD),
        CLOSED,
    ),
    "submit_sm before the bind": Case(UNBOUND, submit_sm(5), nack(ESME_RINVBNDSTS)),
    "submit_sm cut short before the bind": Case(UNBOUND, pdu(SUBMIT_SM, 5), nack(ESME_RINVBNDSTS)),
    "query_sm before the bind": Case(UNBOUND, QUERY, nack(ESME_RINVBNDSTS)),
}


async def meets(case: Case, lines: Lines, server: Server) -> None:
    """Send the octets and see that what comes back, and no more, comes back."""
    peer = await (lines.bound_raw_client(server) if case.bound else lines.raw_client(server))
    peer.send(case.octets)
    assert await peer.read_many(len(case.answers)) == list(case.answers)
    if case.link is KEPT:
        assert await peer.answers_enquire_link()
    else:
        assert await peer.sees_the_end()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_malformed_input_is_answered_as_the_table_says(lines: Lines, case: Case) -> None:
    server = await lines.listening(submits := Submits())

    await meets(case, lines, server)

    assert submits.requests == []
    assert all(message.destination_addr == b"4799999999" for message in submits.messages)


async def test_the_table_leaves_nothing_behind(lines: Lines) -> None:
    server = await lines.listening(submits := Submits())

    async def all_of_them() -> int:
        async with AsyncExitStack() as stack:
            for case in CASES.values():
                submits.messages.clear()
                await meets(case, Lines(stack), server)
        await wait_until(lambda: not server.sessions)
        for kept in (submits.messages, submits.replies, submits.binds, submits.sessions, submits.endings):
            kept.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        await all_of_them()
        before = await all_of_them()
        after = await all_of_them()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000
