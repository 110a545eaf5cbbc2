"""A server process that prints its port, and the megabytes it has whenever it reads a line."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from pathlib import Path

import structlog
import uvloop

from shared.smpp.constants import ESME_ROK
from shared.smpp.pdu import BindRequest
from shared.smpp.server import ServerSession, serve


async def authenticate(_: ServerSession, __: BindRequest) -> int:
    return ESME_ROK


def megabytes() -> int:
    """Of memory in use (Linux)."""
    resident = re.search(r"VmRSS:\s+([0-9]+) kB", Path("/proc/self/status").read_text())
    assert resident is not None
    return int(resident[1]) // 1024


async def main() -> None:
    server = await serve("127.0.0.1", 0, authenticate=authenticate, on_submit=lambda _, __, reply: reply())
    sys.stdout.write(f"{server.port}\n")
    while True:
        sys.stdout.flush()
        if not await asyncio.to_thread(sys.stdin.readline):
            break
        bound = sum(session.mode is not None for session in server.sessions)
        sys.stdout.write(f"{bound} {megabytes()}\n")
    await server.close(1)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    uvloop.run(main())
