"""npm `smpp` as the other end: a Node process that is told line by line what to do, and says what happened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.interop.installed import NODE_MODULES, program

_SCRIPT = Path(__file__).with_name("npm") / "peer.js"
_PATIENCE = 10.0


def octets(value: bytes) -> dict[str, str]:
    """Octets as they travel to the script."""
    return {"hex": value.hex()}


class NpmPeer:
    """One client or server of npm `smpp`; events come in the order they happened, each kind by itself."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._seen: list[dict[str, Any]] = []
        self._tag = 0

    def order(self, command: str, **fields: Any) -> int:
        """Send a request (or `close`) without waiting; the tag of its answer."""
        self._tag += 1
        self._tell({"do": command, "fields": fields, "tag": self._tag})
        return self._tag

    async def answer_with(self, command: str, fields: Any) -> None:
        """How it answers requests of ours from now on; see `peer.js`."""
        await self.answer(self.order("answer", **{command: fields}))

    def respond(self, response: str, **fields: Any) -> None:
        """Send a response with a sequence number of our choosing."""
        self._tell({"do": "send", "command": response, "fields": fields})

    async def ask(self, command: str, **fields: Any) -> Any:
        """Send a request and wait for the answer."""
        return await self.answer(self.order(command, **fields))

    async def answer(self, tag: int) -> Any:
        """The answer to the request with this tag."""
        return (await self.event(lambda event: event.get("tag") == tag))["answer"]

    async def request(self, command: str) -> Any:
        """The next request of ours with this command, as it read it."""
        return (await self.event(lambda event: event.get("pdu", {}).get("command") == command))["pdu"]

    async def says(self, name: str) -> Any:
        """The value of the next event of this name."""
        return (await self.event(lambda event: name in event))[name]

    async def event(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event not yet given that is wanted; others stay for who wants them."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                for index, event in enumerate(self._seen):
                    if wanted(event):
                        return self._seen.pop(index)
                assert self._process.stdout is not None
                line = await self._process.stdout.readline()
                assert line, "the peer's process has ended"
                self._seen.append(msgspec.json.decode(line))

    def _tell(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")


@asynccontextmanager
async def npm_peer(*arguments: str) -> AsyncIterator[NpmPeer]:
    """`client <port>` or `server`; ended with the block."""
    node = program("node")
    assert node is not None
    process = await asyncio.create_subprocess_exec(
        node,
        str(_SCRIPT),
        *arguments,
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
    )
    try:
        yield NpmPeer(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
