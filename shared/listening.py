"""The end of a listening socket."""

from __future__ import annotations

import asyncio
from typing import Final

_LATER: Final = 0.001


async def end_listening(server: asyncio.Server) -> None:
    """Take no more connections. Those that were taken have been told to their protocols.

    asyncio (3.11) takes a connection in one turn and gives it to the server in the next; one that is closed between the
    two drops it without closing it. A timer comes behind what was taken before it, which a `sleep(0)` does not.
    """
    await asyncio.sleep(_LATER)
    server.close()
    await asyncio.sleep(0)
