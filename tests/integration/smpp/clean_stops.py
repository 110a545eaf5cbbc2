"""Bind, submit, unbind and leave the event loop, 25 times over; prints how each bind ended."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import AsyncExitStack

import structlog
import uvloop

from tests.integration.smpp.peers import MESSAGE, Lines


async def once() -> None:
    async with AsyncExitStack() as stack:
        lines = Lines(stack)
        bind = await lines.client(await lines.listening())
        await asyncio.gather(*(bind.submit(MESSAGE) for _ in range(10)))
        await bind.unbind(5)
        sys.stdout.write(f"{await bind.closed}\n")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for _ in range(25):
        uvloop.run(once())
