"""What a server takes on, and who decides on the rest."""

from __future__ import annotations

import asyncio

import pytest

from shared.smpp.codec import encode_bind, encode_request
from shared.smpp.constants import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSCEIVER_RESP,
    BIND_TRANSMITTER,
    ESME_RBINDFAIL,
    ESME_ROK,
    ESME_RSYSERR,
    ESME_RTHROTTLED,
    QUERY_SM,
    QUERY_SM_RESP,
    SC_INTERFACE_VERSION,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
)
from shared.smpp.errors import BindRefused
from shared.smpp.pdu import BindRequest
from shared.smpp.requests import QuerySm
from shared.smpp.server import ServerSession
from shared.smpp.settings import ServerLimits
from tests.integration.smpp.peers import PASSWORD, Lines, Submits, submit_sm
from tests.support import wait_until

PASSWORD_OCTETS = PASSWORD.encode()


async def test_a_system_id_has_so_many_binds_and_a_closed_one_makes_room(lines: Lines) -> None:
    server = await lines.listening(limits=ServerLimits(binds=2))
    await lines.bound_raw_client(server, BIND_RECEIVER)
    second = await lines.bound_raw_client(server, BIND_TRANSMITTER)

    with pytest.raises(BindRefused) as caught:
        await lines.client(server)
    assert caught.value.status == ESME_RBINDFAIL

    another = await lines.raw_client(server)
    another.send(encode_bind(BIND_TRANSCEIVER, 1, BindRequest(b"another", PASSWORD_OCTETS)))
    assert (await another.read())[:2] == (BIND_TRANSCEIVER_RESP, ESME_ROK)

    second.reset()
    await wait_until(lambda: len(server.sessions) == 2)
    await lines.client(server)


async def test_a_wrong_password_is_told_before_a_full_house(lines: Lines) -> None:
    server = await lines.listening(limits=ServerLimits(binds=0))
    peer = await lines.raw_client(server)

    peer.send(encode_bind(BIND_TRANSCEIVER, 1, BindRequest(b"esme", b"wrong")))

    assert (await peer.read())[1] != ESME_RBINDFAIL


async def test_connections_that_do_not_bind_are_few_and_those_that_did_do_not_count(lines: Lines) -> None:
    server = await lines.listening(limits=ServerLimits(unbound=2))
    await lines.bound_raw_client(server)
    first, _ = await lines.raw_client(server), await lines.raw_client(server)
    await wait_until(lambda: len(server.sessions) == 3)

    assert await (await lines.raw_client(server)).sees_the_end()

    first.reset()
    await wait_until(lambda: len(server.sessions) == 2)
    await lines.bound_raw_client(server)


async def test_the_application_may_refuse_requests_unread_by_their_rate(lines: Lines) -> None:
    asked: list[int] = []

    def admit(session: ServerSession, command_id: int) -> int:
        assert session.system_id == b"esme"
        asked.append(command_id)
        return ESME_ROK if len(asked) == 1 else ESME_RTHROTTLED

    server = await lines.listening(submits := Submits(), admit=admit)
    peer = await lines.bound_raw_client(server)
    peer.send(submit_sm(5), submit_sm(6), encode_request(7, QuerySm(b"12")))

    assert [frame[:3] for frame in await peer.read_many(3)] == [
        (SUBMIT_SM_RESP, ESME_ROK, 5),
        (SUBMIT_SM_RESP, ESME_RTHROTTLED, 6),
        (QUERY_SM_RESP, ESME_RTHROTTLED, 7),
    ]
    assert asked == [SUBMIT_SM, SUBMIT_SM, QUERY_SM]
    assert (len(submits.messages), submits.requests) == (1, [])
    assert await peer.answers_enquire_link()


async def test_an_error_while_admitting_is_reported_and_answered(lines: Lines) -> None:
    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def admit(_: ServerSession, __: int) -> int:
        raise LookupError

    peer = await lines.bound_raw_client(await lines.listening(admit=admit))
    peer.send(submit_sm(5))

    assert await peer.read() == (SUBMIT_SM_RESP, ESME_RSYSERR, 5, b"")
    assert [type(error) for error in reported] == [LookupError]


@pytest.mark.parametrize(("version", "told"), [(0x33, False), (0x34, True), (0x50, True)])
async def test_a_bind_of_any_version_is_taken_and_tlvs_only_told_to_those_who_know_them(
    lines: Lines, version: int, told: bool
) -> None:
    peer = await lines.raw_client(await lines.listening())

    peer.send(encode_bind(BIND_TRANSCEIVER, 1, BindRequest(b"esme", PASSWORD_OCTETS, interface_version=version)))

    command_id, status, _, body = await peer.read()
    assert (command_id, status) == (BIND_TRANSCEIVER_RESP, ESME_ROK)
    assert (SC_INTERFACE_VERSION.to_bytes(2) in body) is told
