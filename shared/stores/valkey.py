"""Valkey (or Redis) as our services use it: short time limits, no hidden repeats, clear start-up errors.

Every key that is written has a time to live, and no key names a person: account ids, message ids and pseudonyms only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
)

from shared.errors import BadSettings, TryLater
from shared.lifecycle import Health
from shared.telemetry.logs import get_log

Client: TypeAlias = Redis

_CONNECT_SECONDS = 0.5
_ANSWER_SECONDS = 0.25

_log = get_log()


class ValkeyStore:
    """A component that owns one client.

    `client` may be handed to whoever needs it before the start; nothing is connected until then. What is not `needed`
    keeps nobody from starting: whoever uses it goes on without.
    """

    def __init__(self, url: str, *, needed: bool = True, connections: int = 32) -> None:
        """Raises `BadSettings` for a URL that cannot be read; its parts are never quoted."""
        self.name = "valkey"
        self._needed = needed
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                socket_connect_timeout=_CONNECT_SECONDS,
                socket_timeout=_ANSWER_SECONDS,
                max_connections=connections,
                timeout=_ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),
                client_name="budstikke",
            )
        except ValueError as error:
            raise BadSettings("bad_settings", f"BUDSTIKKE_VALKEY: not a usable URL ({type(error).__name__})") from None
        self.client: Client = Redis.from_pool(pool)
        self._started = False

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the client as `TryLater` (`valkey_unavailable`), which names their type alone."""
        try:
            yield
        except (RedisError, OSError) as error:
            raise TryLater("valkey_unavailable", f"Valkey does not answer ({type(error).__name__})") from None

    async def start(self) -> None:
        """Ask whether it is there. Raises `BadSettings` when we may not use it, `TryLater` when it does not answer."""
        try:
            await self.client.ping()
        except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
            raise BadSettings(
                "valkey_refused", f"BUDSTIKKE_VALKEY: refused by the server ({type(error).__name__})"
            ) from None
        except (RedisError, OSError) as error:
            if self._needed:
                raise TryLater("valkey_unreachable", f"BUDSTIKKE_VALKEY: no answer ({type(error).__name__})") from None
            _log.warning("valkey_unreachable", error=type(error).__name__)
        self._started = True

    async def stop(self, deadline: float) -> None:
        """Close the connections."""
        self._started = False
        async with asyncio.timeout(deadline):
            await self.client.aclose()

    async def wait(self) -> None:
        """A client never ends by itself; wait for ever."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Ready once started; what fails later shows in the role that uses it."""
        return Health(ready=self._started, reason="" if self._started else "not connected")
