"""`GET /v1/messages/{id}`: the owner of the message log answers; a message too young for it we remember ourselves."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import httpx
import msgspec

from services.ingest.api.problems import Code, Rejected
from services.ingest.api.recent import Recent
from shared.clock import Clock
from shared.errors import TryLater
from shared.ids import AccountId, MessageId
from shared.internal import HEADER, Scope, sign
from shared.lifecycle import Health

_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMEOUT: Final = httpx.Timeout(3.0, connect=1.0, pool=1.0)
_LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=30.0)
_OK: Final = 200
_NOT_FOUND: Final = 404


class MessageReader:
    """Forwards reads of single messages under a token for the account that asks."""

    def __init__(
        self,
        base_url: str,
        secret: bytes,
        recent: Recent,
        clock: Clock,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` stands in for the network."""
        self.name = "message reader"
        self._base_url = base_url
        self._secret = secret
        self._recent = recent
        self._clock = clock
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def read(self, account_id: AccountId, message_id: str) -> bytes:
        """The message as JSON. Another account's message does not exist.

        Raises `Rejected` (`not_found`), or `TryLater` (`messages_unavailable`) when the owner does not answer and we
        do not remember.
        """
        if _ID.fullmatch(message_id) is None:
            raise Rejected(Code.NOT_FOUND)
        status, body = await self._ask(account_id, message_id)
        if status == _OK:
            return body
        remembered = self._recent.get(account_id, MessageId(message_id))
        if remembered is not None:
            return msgspec.json.encode(remembered)
        if status == _NOT_FOUND:
            raise Rejected(Code.NOT_FOUND)
        raise TryLater("messages_unavailable", "the message log does not answer")

    async def start(self) -> None:
        """Make the client; it connects with the first read."""
        self._client = httpx.AsyncClient(
            base_url=self._base_url, timeout=_TIMEOUT, limits=_LIMITS, transport=self._transport, trust_env=False
        )

    async def stop(self, deadline: float) -> None:
        """Close the connections."""
        if self._client is not None:
            async with asyncio.timeout(deadline):
                await self._client.aclose()
            self._client = None

    async def wait(self) -> None:
        """A client never ends by itself; wait for ever."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Ready once started: the owner's absence shows in its own answers, and stops no message."""
        return Health(ready=self._client is not None, reason="" if self._client else "not started")

    async def _ask(self, account_id: AccountId, message_id: str) -> tuple[int | None, bytes]:
        """The owner's status and body; no status when it does not answer."""
        if self._client is None:
            raise RuntimeError("the reader is used before its start")
        token = sign(self._secret, account_id, Scope.READ, self._clock.now())
        try:
            response = await self._client.get(f"/internal/v1/messages/{message_id}", headers={HEADER: token})
        except httpx.HTTPError:
            return None, b""
        return response.status_code, response.content
