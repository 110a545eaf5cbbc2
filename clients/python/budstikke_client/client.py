"""The HTTP API, with and without `await`."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import httpx

from budstikke_client import calls
from budstikke_client.calls import Ask, Call, Patience
from budstikke_client.models import Sent, Status

R = TypeVar("R")

_TIMEOUT = 15.0


class Client:
    """A key at a gateway. Thread-safe; use it as a context manager or `close` it."""

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        patience: Patience = calls.USUAL,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`http` may be given to go through a proxy or to set timeouts; its base URL and key are set here."""
        self._http = http or httpx.Client(timeout=_TIMEOUT)
        self._http.base_url = httpx.URL(base_url)
        self._http.headers["authorization"] = f"Bearer {key}"
        self._patience = patience
        self._sleep = sleep

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self, to: str | Sequence[str], text: str, *, idempotency_key: str | None = None, **fields: Any
    ) -> list[Sent]:
        """Send a text to one number or to many; a verdict for each, in the order asked.

        `fields` are those of `POST /v1/messages`, with `sender` for `from`. Raises `Refused` when nobody is sent to,
        `Unavailable`.
        """
        return self._run(calls.send(to, text, fields, idempotency_key or uuid.uuid4().hex, self._patience))

    def status(self, message_id: str) -> Status:
        """The message now. Raises `Refused` (`not_found`), `Unavailable`."""
        return self._run(calls.status(message_id, self._patience))

    def wait(self, message_id: str, timeout: float = 60.0) -> Status:
        """The message once its state is final. Raises `WaitTimeout` after `timeout` seconds."""
        return self._run(calls.wait(message_id, timeout, self._patience))

    def _run(self, call: Call[R]) -> R:
        answer: httpx.Response | None = None
        while True:
            try:
                step = call.send(answer)
            except StopIteration as end:
                result: R = end.value
                return result
            answer = None
            if isinstance(step, Ask):
                try:
                    answer = self._http.request(step.method, step.path, json=step.json, headers=step.headers)
                except httpx.TransportError:
                    continue
            else:
                self._sleep(step.seconds)


class AsyncClient:
    """A key at a gateway, for asyncio; the calls of `Client`."""

    def __init__(
        self, base_url: str, key: str, *, patience: Patience = calls.USUAL, http: httpx.AsyncClient | None = None
    ) -> None:
        self._http = http or httpx.AsyncClient(timeout=_TIMEOUT)
        self._http.base_url = httpx.URL(base_url)
        self._http.headers["authorization"] = f"Bearer {key}"
        self._patience = patience

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(
        self, to: str | Sequence[str], text: str, *, idempotency_key: str | None = None, **fields: Any
    ) -> list[Sent]:
        """As `Client.send`."""
        return await self._run(calls.send(to, text, fields, idempotency_key or uuid.uuid4().hex, self._patience))

    async def status(self, message_id: str) -> Status:
        """As `Client.status`."""
        return await self._run(calls.status(message_id, self._patience))

    async def wait(self, message_id: str, timeout: float = 60.0) -> Status:
        """As `Client.wait`."""
        return await self._run(calls.wait(message_id, timeout, self._patience))

    async def _run(self, call: Call[R]) -> R:
        answer: httpx.Response | None = None
        while True:
            try:
                step = call.send(answer)
            except StopIteration as end:
                result: R = end.value
                return result
            answer = None
            if isinstance(step, Ask):
                try:
                    answer = await self._http.request(step.method, step.path, json=step.json, headers=step.headers)
                except httpx.TransportError:
                    continue
            else:
                await asyncio.sleep(step.seconds)
