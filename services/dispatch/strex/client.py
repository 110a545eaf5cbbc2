"""Calls to Strex Connect over HTTP, each signed with our key.

What matters of a call that asks for something is whether Strex may have taken it. Only a connection that never came to
be, or an answer that says so, leaves no doubt; all else may have been taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

import httpx
import msgspec

from services.dispatch.strex.bodies import SERVER_KEYS, Request, Seen, SeenKey
from shared.clock import Clock
from shared.errors import TryLater
from shared.lifecycle import Health
from shared.strex.signatures import PrivateKey, PublicKey, read_public_key, sign
from shared.trust import trusted

_CONNECT: Final = 5.0
_LONG_POLL: Final = 30.0
"""Seconds for an answer to a look, which Strex may hold back for 20."""
LOOKS_PER_CALL: Final = 4
_KEEP: Final = 4.0
"""Seconds for which an idle connection is used again: less than any server keeps it."""
_NOT_TAKEN: Final = frozenset({401, 403, 429})
"""Answers that say nothing of the order itself: our key, their patience."""
_TIMED_OUT: Final = 408
"""Of whoever stands before Strex: the order may have gone on."""
_NOT_FOUND: Final = 404
_decode_seen: Final = msgspec.json.Decoder(Seen)
_decode_key: Final = msgspec.json.Decoder(SeenKey)
_decode_problem: Final = msgspec.json.Decoder(dict[str, object])


class Taken(msgspec.Struct, frozen=True):
    """Strex took it."""


class Declined(msgspec.Struct, frozen=True):
    """Strex did not want it. That may be because it has it already."""

    status: int


class NotSent(msgspec.Struct, frozen=True):
    """Nothing was taken, for certain, and the same may be asked later."""

    code: str


class NoAnswer(msgspec.Struct, frozen=True):
    """It may have been taken or not; of a look: nothing was learned."""


class Missing(msgspec.Struct, frozen=True):
    """Strex knows nothing of it."""


Answer: TypeAlias = Taken | Declined | NotSent | NoAnswer
Sight: TypeAlias = Seen | Missing | NoAnswer


class StrexClient:
    """A component that owns the connections."""

    def __init__(
        self,
        base_url: str,
        key: PrivateKey,
        key_name: str,
        clock: Clock,
        nonce: Callable[[], str],
        *,
        seconds: float,
        connections: int,
    ) -> None:
        """`seconds` is the longest wait for the answer to what is asked; of looks there may be `LOOKS_PER_CALL` times
        as many connections.
        """
        self.name = "strex client"
        self._base = base_url.rstrip("/")
        self._key = key
        self._key_name = key_name
        self._clock = clock
        self._nonce = nonce
        self._asking = httpx.Timeout(seconds, connect=_CONNECT, pool=seconds)
        self._looking = httpx.Timeout(_LONG_POLL, connect=_CONNECT, pool=seconds)
        # A look may be held back: what is asked has connections of its own.
        self._limits = (_limits(connections), _limits(LOOKS_PER_CALL * connections))
        self._clients: tuple[httpx.AsyncClient, httpx.AsyncClient] | None = None

    async def ask(self, request: Request) -> Answer:
        """Ask for something once."""
        asking, _ = self._ready()
        try:
            response = await asking.send(self._signed(asking, request.method, request.path, request.body))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return NotSent("strex_unreachable")
        except httpx.HTTPError:
            return NoAnswer()
        if response.is_success:
            return Taken()
        if response.status_code in _NOT_TAKEN:
            return NotSent(f"strex_answered_{response.status_code}")
        if response.is_client_error and response.status_code != _TIMED_OUT:
            return Declined(response.status_code)
        return NoAnswer()

    async def look(self, path: str) -> Sight:
        """See what Strex has."""
        response = await self._read(path)
        if response is None:
            return NoAnswer()
        if response.status_code == _NOT_FOUND:
            # Only Strex's own words say that it knows nothing: a proxy on the way says 404 too.
            return Missing() if _is_problem(response.content) else NoAnswer()
        if response.status_code != httpx.codes.OK:
            return NoAnswer()
        try:
            return _decode_seen.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return NoAnswer()

    async def server_key(self, name: str) -> PublicKey | None:
        """A key that Strex signs its calls with, or None if there is none of that name. Raises `TryLater`."""
        response = await self._read(f"{SERVER_KEYS}/{name}")
        if response is not None and response.status_code == _NOT_FOUND:
            return None
        if response is None or response.status_code != httpx.codes.OK:
            raise TryLater("strex_unreachable", "the server key cannot be fetched")
        try:
            return read_public_key(_decode_key.decode(response.content).public_key_string)
        except (msgspec.DecodeError, ValueError):
            raise TryLater("strex_unreadable", "the server key cannot be read") from None

    async def start(self) -> None:
        """Make the clients; they connect with the first call."""
        self._clients = (
            httpx.AsyncClient(timeout=self._asking, limits=self._limits[0], verify=trusted(), trust_env=False),
            httpx.AsyncClient(timeout=self._looking, limits=self._limits[1], verify=trusted(), trust_env=False),
        )

    async def stop(self, deadline: float) -> None:
        """Close the connections."""
        if self._clients is not None:
            async with asyncio.timeout(deadline):
                for client in self._clients:
                    await client.aclose()
            self._clients = None

    async def wait(self) -> None:
        """A client never ends by itself; wait for ever."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Ready once started: that Strex is away shows in what waits for it."""
        return Health(ready=self._clients is not None, reason="" if self._clients else "not started")

    async def _read(self, path: str) -> httpx.Response | None:
        _, looking = self._ready()
        try:
            return await looking.send(self._signed(looking, "GET", path, b""))
        except httpx.HTTPError:
            return None

    def _signed(self, client: httpx.AsyncClient, method: str, path: str, body: bytes) -> httpx.Request:
        request = client.build_request(method, f"{self._base}/{path}", content=body or None)
        signature = sign(
            self._key,
            self._key_name,
            method,
            str(request.url),
            body,
            timestamp=int(self._clock.now().timestamp()),
            nonce=self._nonce(),
        )
        request.headers["authorization"] = signature.authorization()
        if body:
            request.headers["content-type"] = "application/json"
        return request

    def _ready(self) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
        if self._clients is None:
            raise RuntimeError("Strex is called before the start")
        return self._clients


def _limits(connections: int) -> httpx.Limits:
    return httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_KEEP)


def _is_problem(body: bytes) -> bool:
    """Whether an error is Strex's own: an object with `Message`."""
    try:
        return "Message" in _decode_problem.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
