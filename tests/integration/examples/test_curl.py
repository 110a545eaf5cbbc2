"""The curl example repeats what may pass, and shows what will not."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from deploy.local.settings import ROOT

PROBLEM = b'{"code":"no_valid_recipient"}'


class Answers(BaseHTTPRequestHandler):
    """The gateway, busy at first; then it refuses."""

    asked: int

    def do_POST(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(503 if self.asked == 1 else 422)
        self.send_header("content-length", str(len(PROBLEM)))
        self.end_headers()
        self.wfile.write(PROBLEM)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Answers.asked = 0
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_refusal_is_asked_for_once_and_shown(url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "examples/curl/send.sh"),
        "123",
        "Hei",
        env={"PATH": "/usr/bin:/bin", "BUDSTIKKE_API": url, "BUDSTIKKE_KEY": "bsk_any"},
        stdout=PIPE,
        stderr=PIPE,
    )
    said, complained = await asyncio.wait_for(process.communicate(), 30.0)
    assert (process.returncode, said) == (1, b"")
    assert PROBLEM in complained
    assert Answers.asked == 2
