"""Calls of the HTTP API that the command makes, and what a failed one means for a repeat."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from cli.answers import Message, Problem, Sent
from cli.exits import Exit, Failure
from cli.settings import Access

A = TypeVar("A")

SECONDS: Final = 30.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_NO_CONTENT: Final = 204

NOTHING_SENT: Final = "nothing was sent, a repeat is safe"
NOT_KNOWN: Final = "whether a message was taken is not known, a repeat may send a second one"
ASK_AGAIN: Final = "the state is not known, ask again with `budstikke status`"


class Refusal(Failure):
    """The gateway refused the request: `problem` says why, `body` is its document as received."""

    def __init__(self, status: int, problem: Problem, body: bytes) -> None:
        super().__init__(Exit.REFUSED)
        self.status = status
        self.problem = problem
        self.body = body


class Unreachable(Failure):
    """No usable answer. `body` is what came instead of one, if anything."""

    def __init__(self, text: str, body: bytes = b"") -> None:
        super().__init__(Exit.UNREACHABLE, text)
        self.body = body


class Gateway:
    """One gateway, for the length of one command."""

    def __init__(self, access: Access, *, seconds: float = SECONDS) -> None:
        """`seconds` limits connecting, and each wait for the answer."""
        local = urlsplit(access.api).hostname in _LOOPBACK
        self._seconds = seconds
        self._client = httpx.Client(
            base_url=access.api,
            headers={"authorization": f"Bearer {access.key}", "user-agent": "budstikke-cli"},
            timeout=seconds,
            trust_env=not local,  # a proxy of the environment knows no gateway on this machine
        )

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(self, body: dict[str, Any], *, dry_run: bool = False) -> tuple[Sent, bytes]:
        """Hand over a message. Returns the answer, and its octets. Raises `Refusal`, `Unreachable`."""
        path = "/v1/messages?dry_run=true" if dry_run else "/v1/messages"
        content = msgspec.json.encode(body)
        headers = {"content-type": "application/json"}
        return self._call(
            lambda: self._client.post(path, content=content, headers=headers),
            Sent,
            unsent=NOTHING_SENT,
            lost=NOT_KNOWN,
        )

    def message(self, message_id: str) -> tuple[Message, bytes]:
        """One message. Returns the answer, and its octets. Raises `Refusal`, `Unreachable`."""
        path = f"/v1/messages/{quote(message_id, safe='')}"
        return self._call(lambda: self._client.get(path), Message, unsent=ASK_AGAIN, lost=ASK_AGAIN)

    def ask(
        self, method: str, path: str, kind: type[A], body: object = None, *, unsent: str, lost: str
    ) -> tuple[A, bytes]:
        """Any call that answers with JSON. Returns the answer, and its octets. Raises `Refusal`, `Unreachable`.

        `unsent` says what to do when no connection was made, `lost` when the request may have arrived.
        """
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"content-type": "application/json"}
        return self._call(
            lambda: self._client.request(method, path, content=content, headers=headers),
            kind,
            unsent=unsent,
            lost=lost,
        )

    def octets(self, path: str, *, unsent: str, lost: str) -> bytes:
        """Any read that answers with a document as it is. Raises `Refusal`, `Unreachable`."""
        return self._call(lambda: self._client.get(path), bytes, unsent=unsent, lost=lost)[1]

    def _call(self, request: Callable[[], httpx.Response], kind: type[A], *, unsent: str, lost: str) -> tuple[A, bytes]:
        """`unsent` says what to do when no connection was made, `lost` when the request may have arrived."""
        try:
            response = request()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol):
            raise Unreachable(f"the gateway cannot be reached at {self._client.base_url.host}: {unsent}") from None
        except httpx.TimeoutException:
            raise Unreachable(f"no answer within {self._seconds:g} s: {lost}") from None
        except httpx.HTTPError:
            raise Unreachable(f"the connection broke: {lost}") from None
        body = response.content
        try:
            if response.status_code == _NO_CONTENT:
                return msgspec.convert({}, kind), body
            if response.is_success and kind is bytes:
                return msgspec.convert(body, kind), body
            if response.is_success:
                return msgspec.json.decode(body, type=kind), body
            if response.is_client_error:
                raise Refusal(response.status_code, msgspec.json.decode(body, type=Problem), body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Unreachable(
                f"status {response.status_code}, but not the answer of a Budstikke gateway: is the address right?"
            ) from None
        raise Unreachable(f"the gateway answered {response.status_code}: {lost}", body)
