"""A gateway of a few lines on a free port: it keeps what was asked and answers what the test says."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

ID = "019b2f60-5c00-7a31-8f0e-5d2c9e41a006"


class Asked(msgspec.Struct, frozen=True):
    """One request as it came."""

    method: str
    path: str
    authorization: str | None
    body: dict[str, Any] | None


class Answer(msgspec.Struct, frozen=True):
    """One answer to give; a `status` of 0 gives none and keeps the connection open until the test ends."""

    status: int
    body: bytes = b""


class FakeGateway:
    """Answers in order; the last answer stands for all that follow."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.asked: list[Asked] = []
        self.url = ""
        self._answers = list(answers)
        self._over = threading.Event()

    @contextmanager
    def serving(self) -> Iterator[FakeGateway]:
        """Serve on a free port of the loopback address."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = msgspec.json.decode(self.rfile.read(length)) if length else None
                fake.asked.append(Asked(self.command, self.path, self.headers.get("authorization"), body))
                answer = fake._answers.pop(0) if len(fake._answers) > 1 else fake._answers[0]
                if answer.status == 0:
                    fake._over.wait(10)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - names that the standard library looks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
                """Nothing on standard error."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            self._over.set()
            server.shutdown()
            thread.join()
            server.server_close()


def accepted(*recipients: str, refused: Sequence[str] = ()) -> Answer:
    """202 with a verdict for each; those in `refused` got an error."""
    messages = [
        {"id": None, "to": to, "state": "rejected", "parts": None, "coding": None, "price": None,
         "error": {"code": "invalid_number", "message": "is no number"}}
        if to in refused
        else {"id": f"{ID[:-1]}{index}", "to": to, "state": "accepted", "parts": 1, "coding": "gsm7", "price": None,
              "error": None}
        for index, to in enumerate(recipients)
    ]  # fmt: skip
    return Answer(202, msgspec.json.encode({"messages": messages}))


def message(state: str, *, final: bool = False, reason: str | None = None, message_id: str = ID) -> Answer:
    """200 with a message in this state."""
    history = [
        {"state": "accepted", "at": "2026-11-22T10:15:00Z", "reason": None},
        {"state": state, "at": "2026-11-22T10:15:03Z", "reason": reason},
    ]
    body = {"id": message_id, "to": "+4790000001", "from": "Skolen", "state": state, "final": final,
            "reason": reason, "history": history, "later": 1}  # fmt: skip
    return Answer(200, msgspec.json.encode(body))


def problem(status: int, code: str, title: str, *errors: tuple[str, str, str], detail: str = "") -> Answer:
    """A problem document."""
    faults = [dict(zip(("pointer", "code", "message"), error, strict=True)) for error in errors]
    body = {"type": f"urn:budstikke:error:{code}", "title": title, "status": status, "code": code, "detail": detail}
    return Answer(status, msgspec.json.encode({**body, "errors": faults} if faults else body))
