"""The connection to an owner of what we do not have: the role `api` of dlr or billing, which believes our tokens."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx
import msgspec

from shared.clock import Clock
from shared.ids import AccountId
from shared.internal.token import ACTOR, HEADER, Scope, sign
from shared.lifecycle import Health
from shared.trust import trusted

_TIMEOUT: Final = httpx.Timeout(3.0, connect=1.0, pool=1.0)
_LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=30.0)


class OwnerAnswer(msgspec.Struct, frozen=True):
    """What the owner said; `content_type` and `allow` are headers, empty if absent."""

    status: int
    body: bytes
    content_type: str
    allow: str = ""


class Owner:
    """A client of one owner, as a component. Every request carries a token for the account that asks."""

    def __init__(
        self,
        base_url: str,
        secret: bytes,
        clock: Clock,
        *,
        service: str = "dlr",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` stands in for the network."""
        self.name = f"owner {service}"
        self._base_url = base_url
        self._secret = secret
        self._clock = clock
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def ask(
        self,
        method: str,
        path: str,
        account_id: AccountId,
        scope: Scope,
        *,
        query: bytes = b"",
        body: bytes | None = None,
        actor: str | None = None,
        seconds: float | None = None,
    ) -> OwnerAnswer | None:
        """The owner's answer, or None when there is none within `seconds` (3 by default).

        `path` and `query` are percent-encoded already; `actor` is the id of the key on whose behalf we ask.
        """
        if self._client is None:
            raise RuntimeError("the owner is asked before the start")
        headers = {HEADER: sign(self._secret, account_id, scope, self._clock.now())}
        if actor is not None:
            headers[ACTOR] = actor
        if body is not None:
            headers["content-type"] = "application/json"
        target = path.encode("ascii") + (b"?" + query if query else b"")
        try:
            response = await self._client.request(
                method,
                httpx.URL(self._base_url).copy_with(raw_path=target),
                headers=headers,
                content=body,
                timeout=_TIMEOUT if seconds is None else httpx.Timeout(seconds, connect=1.0, pool=1.0),
            )
        except httpx.HTTPError:
            return None
        told = response.headers
        return OwnerAnswer(response.status_code, response.content, told.get("content-type", ""), told.get("allow", ""))

    async def start(self) -> None:
        """Make the client; it connects with the first question."""
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT, limits=_LIMITS, transport=self._transport, verify=trusted(), trust_env=False
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
