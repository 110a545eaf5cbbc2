"""What the sockets of a session are told."""

from __future__ import annotations

import socket

from tests.integration.smpp.peers import Lines


async def test_no_pdu_waits_in_the_socket_for_company(lines: Lines) -> None:
    server = await lines.listening()
    bind = await lines.client(server)

    (session,) = server.sessions
    for end in (bind, session):
        assert end._extra("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
