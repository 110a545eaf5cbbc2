"""What an end tells of itself while it runs, and how it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec


async def serve(
    port: int, peer: Callable[[], asyncio.Protocol], control_port: int, state: Callable[[], object]
) -> None:
    """Listen on both ports until SIGTERM; whoever asks on the second is told the state as JSON."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = msgspec.json.encode(state())
        writer.write(b"HTTP/1.0 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await loop.create_server(peer, "127.0.0.1", port)
    control = await asyncio.start_server(tell, "127.0.0.1", control_port)
    await stopped.wait()
    control.close()
    server.close()


def write_log(path: Path, columns: str, rows: Iterable[tuple[int, ...]]) -> None:
    """One line per row under the names of the columns."""
    with path.open("w") as file:
        file.write(columns + "\n")
        file.writelines(",".join(map(str, map(int, row))) + "\n" for row in rows)
