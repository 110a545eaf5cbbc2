"""Calls that go wrong around the API: late, refused, cut off, or answered 500 although the work was done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.strex.behaviour import Behaviour, Fault, falls_on

_UNAVAILABLE = b'{"Message":"Service unavailable"}'
_BEFORE = frozenset({Fault.REFUSE, Fault.CUT})


class Misbehaving:
    """Counts the calls of the methods that faults fall on. Between this and the server nothing may stand."""

    def __init__(self, app: ASGIApp, behaviour: Callable[[], Behaviour]) -> None:
        self.faults = 0
        self._app = app
        self._behaviour = behaviour
        self._calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, or not."""
        behaviour = self._behaviour()
        fault = self._fault(behaviour, scope["method"])
        if fault in _BEFORE:
            await _fail(send, 503 if fault is Fault.REFUSE else None)
            return
        answer: list[Message] = []

        async def hold(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, hold)
        if behaviour.answer_ms:
            await asyncio.sleep(behaviour.answer_ms / 1000)
        if fault is None:
            for message in answer:
                await send(message)
            return
        if fault is Fault.HANG_AFTER:
            await asyncio.sleep(behaviour.hang_ms / 1000)
        await _fail(send, 500 if fault is Fault.ERROR_AFTER else None)

    def _fault(self, behaviour: Behaviour, method: str) -> Fault | None:
        if behaviour.fault is None or method not in behaviour.fault_methods:
            return None
        self._calls += 1
        if not falls_on(behaviour.fault_every, self._calls):
            return None
        self.faults += 1
        return behaviour.fault


async def _fail(send: Send, status: int | None) -> None:
    """Answer an error, or without one end the connection before a single octet of an answer."""
    if status is None:
        _transport(send).abort()
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_UNAVAILABLE))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": _UNAVAILABLE})


def _transport(send: Send) -> Any:
    """The connection behind the server's `send`, for which ASGI has no word: uvicorn's own."""
    cycle: Any = getattr(send, "__self__")  # noqa: B009 - a protocol has no such attribute
    return cycle.transport
