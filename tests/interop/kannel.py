"""Kannel as an ESME: `bearerbox` bound to our server, and `smsbox`, through which an application talks with it.

Both run in the foreground, on free ports of 127.0.0.1, with a folder of their own, and end with the block.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from deploy.local.ports import HOST, free_port
from deploy.local.process import Process
from tests.interop.installed import program
from tests.support import wait_until

_USER, _PASSWORD = "tester", "secret"
_STOP = 10.0

_CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
smsbox-port = {box}
smsbox-interface = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = budstikke
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = kannel
smsc-password = {smsc_password}
system-type = sms
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = {user}
password = {password}
concatenation = true
max-messages = 10

group = sms-service
keyword = default
get-url = "http://127.0.0.1:{told}/incoming?from=%p&to=%P&text=%a"
max-messages = 0
"""


class Told:
    """The application behind Kannel: keeps the query of each call that `smsbox` makes, by its path."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, str]]] = []
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        target = urlsplit(head.split(b" ", 2)[1].decode())
        self.calls.append((target.path, dict(parse_qsl(target.query, encoding="latin-1"))))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    def of(self, path: str) -> list[Mapping[str, str]]:
        """The calls to one path, in order."""
        return [query for called, query in self.calls if called == path]

    def receipts(self, to: str) -> list[Mapping[str, str]]:
        """What it told of the message to this number: `kind` is 1 delivered, 8 taken, 16 refused by the SMSC."""
        return [query for query in self.of("/receipt") if query["to"] == to]


class Kannel:
    """A running Kannel."""

    def __init__(self, boxes: tuple[Process, Process], send_port: int, told: Told) -> None:
        self.told = told
        self._boxes = boxes
        self._send_port = send_port

    async def send(self, text: str, *, sender: str, to: str, coding: str = "0") -> str:
        """Hand it a message with all receipts asked for; what it answers."""
        query = {
            "username": _USER,
            "password": _PASSWORD,
            "charset": "utf-8",
            "from": sender,
            "to": to,
            "coding": coding,
            "text": text,
            "dlr-mask": "31",
            "dlr-url": f"http://{HOST}:{self.told.port}/receipt?to={quote(to)}&kind=%d&text=%A",
        }
        path = f"/cgi-bin/sendsms?{urlencode(query)}"
        reader, writer = await asyncio.open_connection(HOST, self._send_port)
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer.rpartition(b"\r\n\r\n")[2].decode()

    async def stop(self) -> None:
        """End it as its service would; it unbinds."""
        for box in reversed(self._boxes):
            await asyncio.to_thread(box.stop, _STOP)

    def logs(self) -> str:
        """The last words of both."""
        return "\n".join(box.last_words(40) for box in self._boxes)


@asynccontextmanager
async def kannel(folder: Path, smsc_port: int, password: str) -> AsyncIterator[Kannel]:
    """Start it towards our server; it binds by itself, in its own time."""
    told = Told()
    async with AsyncExitStack() as stack:
        server = await asyncio.start_server(told.take, HOST, 0)
        stack.callback(server.close)
        told.port = server.sockets[0].getsockname()[1]
        box, admin, send = free_port(), free_port(), free_port()
        configuration = folder / "kannel.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                admin=admin,
                box=box,
                send=send,
                smsc=smsc_port,
                told=told.port,
                user=_USER,
                password=_PASSWORD,
                smsc_password=password,
            )
        )
        boxes = tuple(_box(name, folder, configuration) for name in ("bearerbox", "smsbox"))
        for process, port in zip(boxes, (box, send), strict=True):
            stack.callback(process.kill)
            process.start()
            await wait_until(lambda port=port: _listens(port), waiting_for=f"{process.name} to listen")
        yield Kannel((boxes[0], boxes[1]), send, told)


def _box(name: str, folder: Path, configuration: Path) -> Process:
    path = program(name)
    assert path is not None
    return Process(
        name,
        [path, str(configuration)],
        log=folder / f"{name}.log",
        pid_file=folder / f"{name}.pid",
        environment=os.environ | {"LC_ALL": "C.UTF-8"},
        folder=folder,
    )


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
