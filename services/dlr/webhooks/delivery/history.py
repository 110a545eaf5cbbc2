"""The last successes of each endpoint, in Valkey: a convenience, so losing some of it loses nothing.

A list per endpoint, newest first, at most 100, gone after seven days without success.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeAlias

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.endpoints.endpoint import EndpointId
from services.dlr.webhooks.endpoints.occasion import Occasion
from shared.errors import BadSettings, TryLater
from shared.ids import MessageId
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

MOST: Final = 100
SECONDS: Final = 7 * 86_400

_EVERY: Final = 0.25
_ENDPOINTS: Final = 20_000
_TIMEOUT: Final = 2.0


class Success(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One delivery that the customer has."""

    id: str
    event_id: str
    message_id: MessageId
    state: Occasion
    at: datetime
    status: int
    attempts: int
    milliseconds: int


Make: TypeAlias = Callable[[], Success]


class History:
    """Writes four times a second what came, of each endpoint the last 100; drops what is refused.

    What nobody will see is not even made: a success is a call that makes it.
    """

    def __init__(self, url: str, metrics: WebhookMetrics | None = None) -> None:
        """Raises `BadSettings` for an URL that cannot be read. Who only reads needs no metrics."""
        self.name = "webhook history"
        try:
            self._redis: Redis = Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)
        except ValueError:
            raise BadSettings("bad_settings", "BUDSTIKKE_VALKEY: not a usable URL") from None
        self._metrics = metrics
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Success).decode
        self._news: dict[EndpointId, deque[Make]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, endpoint: EndpointId, make: Make) -> None:
        """Remember a success soon."""
        news = self._news.get(endpoint)
        if news is None:
            if len(self._news) >= _ENDPOINTS:
                self._lost(1)
                return
            news = self._news[endpoint] = deque(maxlen=MOST)
        news.append(make)

    async def of(self, endpoint: EndpointId) -> list[Success]:
        """The newest first. Raises `TryLater` (`history_unavailable`)."""
        try:
            found = await self._redis.lrange(_key(endpoint), 0, MOST - 1)
        except (RedisError, OSError) as error:
            raise TryLater("history_unavailable", f"Valkey does not answer ({type(error).__name__})") from None
        return [self._decode(each) for each in found if isinstance(each, bytes)]

    async def start(self) -> None:
        """Begin to write; Valkey need not be there."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:
        """Write what is left, if that is quick."""
        if self._task is not None:
            await end(self._task)
            self._task = None
            with suppress(TimeoutError):
                async with asyncio.timeout(min(deadline, _TIMEOUT)):
                    await self._flush()
        await self._redis.aclose()

    async def wait(self) -> None:
        """Raise what ended the writing; it never ends by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Always ready: nothing waits for it."""
        return Health(ready=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self._flush()

    async def _flush(self) -> None:
        news, self._news = self._news, {}
        if not news:
            return
        count = sum(map(len, news.values()))
        pipeline = self._redis.pipeline(transaction=False)
        for endpoint, made in news.items():
            key = _key(endpoint)
            pipeline.lpush(key, *[self._encode(make()) for make in made])
            pipeline.ltrim(key, 0, MOST - 1)
            pipeline.expire(key, SECONDS)
        try:
            await pipeline.execute()
        except (RedisError, OSError) as error:
            self._lost(count)
            _log.warning("webhook_history_lost", count=count, error=type(error).__name__)

    def _lost(self, count: int) -> None:
        if self._metrics is not None:
            self._metrics.history_lost.inc(count)


def _key(endpoint: EndpointId) -> str:
    return f"dlr:webhooks:delivered:{endpoint}"
