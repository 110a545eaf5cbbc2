"""What a server pays for ESMEs that are bound and say nothing."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from shared.smpp.codec import encode_bind
from shared.smpp.constants import BIND_TRANSCEIVER
from shared.smpp.pdu import BindRequest
from tests.integration.smpp.peers import RawPeer

ROOT = Path(__file__).resolve().parents[3]
BINDS = 1_000


def test_a_thousand_idle_binds_take_less_than_sixty_megabytes() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4_096)), hard))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.smpp.idle_binds"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        bound, megabytes = uvloop.run(with_binds(int(server.stdout.readline()), server))
        server.stdin.close()
        assert server.wait(10) == 0

    assert bound == BINDS
    assert megabytes < 60


async def with_binds(port: int, server: subprocess.Popen[str]) -> tuple[int, int]:
    """How many stand and what the server has, while all of them stand."""
    assert server.stdin is not None
    assert server.stdout is not None
    async with AsyncExitStack() as stack:
        for number in range(BINDS):
            peer = RawPeer(*await asyncio.open_connection("127.0.0.1", port))
            stack.callback(peer.reset)
            peer.send(encode_bind(BIND_TRANSCEIVER, 1, BindRequest(b"esme-%d" % number)))
            await peer.read()
        server.stdin.write("\n")
        server.stdin.flush()
        bound, megabytes = map(int, server.stdout.readline().split())
    return bound, megabytes
