"""Calls without input and output: what to ask, how long to wait, and what the answer means.

A call is a generator. It yields requests and pauses, gets answers (or None for no answer) and returns its result; a
driver with or without `await` does the rest (`client`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from budstikke_client.errors import FieldError, Refused, Unavailable, WaitTimeout
from budstikke_client.models import Sent, Status

R = TypeVar("R")

_AGAIN = frozenset({429, 500, 502, 503, 504})
_FIRST_POLL, _LONGEST_POLL = 0.2, 2.0


@dataclass(frozen=True)
class Ask:
    """A request to make."""

    method: str
    path: str
    json: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Pause:
    """Seconds to wait."""

    seconds: float


@dataclass(frozen=True)
class Patience:
    """How often a request is made, and how long to wait in between: doubling from `first` to `longest` seconds, each
    shortened by up to half at random; longer where the gateway says so.
    """

    attempts: int = 5
    first: float = 0.2
    longest: float = 5.0


USUAL = Patience()


Call = Generator["Ask | Pause", "httpx.Response | None", R]


def send(
    to: str | Sequence[str], text: str, fields: Mapping[str, Any], idempotency_key: str, patience: Patience
) -> Call[list[Sent]]:
    """`POST /v1/messages`."""
    body = {"to": to if isinstance(to, str) else list(to), "text": text, **renamed(fields)}
    ask = Ask("POST", "/v1/messages", body, {"Idempotency-Key": idempotency_key})
    answer = yield from _patiently(ask, patience, idempotency_key)
    return [Sent.of(message) for message in answer["messages"]]


def status(message_id: str, patience: Patience) -> Call[Status]:
    """`GET /v1/messages/{id}`."""
    answer = yield from _patiently(Ask("GET", f"/v1/messages/{message_id}"), patience, None)
    return Status.of(answer)


def wait(
    message_id: str, timeout: float, patience: Patience, clock: Callable[[], float] = time.monotonic
) -> Call[Status]:
    """Look again and again, ever more seldom, until the state is final."""
    until = clock() + timeout
    pause = _FIRST_POLL
    while True:
        now = yield from status(message_id, patience)
        if now.final:
            return now
        if clock() >= until:
            raise WaitTimeout(now)
        yield Pause(min(pause, max(until - clock(), 0.0)))
        pause = min(pause * 1.5, _LONGEST_POLL)


def renamed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`sender` is `from` in JSON, which is no name in Python."""
    return {"from" if name == "sender" else name: value for name, value in fields.items()}


def _patiently(ask: Ask, patience: Patience, key: str | None) -> Call[dict[str, Any]]:
    pause = patience.first
    detail = "no answer"
    for attempt in range(patience.attempts):
        answer = yield ask
        if answer is not None and answer.status_code not in _AGAIN:
            return _read(answer)
        detail = "no answer" if answer is None else f"HTTP {answer.status_code}"
        if attempt + 1 < patience.attempts:
            yield Pause(max(pause * random.uniform(0.5, 1.0), _retry_after(answer)))
            pause = min(pause * 2, patience.longest)
    raise Unavailable(f"{detail} after {patience.attempts} attempts", key)


def _read(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(answer.status_code, "unexpected_answer", "the answer is no JSON object", "", ())
    if answer.is_success:
        return body
    raise Refused(
        answer.status_code,
        body.get("code", ""),
        body.get("title", ""),
        body.get("detail", ""),
        [FieldError(one["pointer"], one["code"], one["message"]) for one in body.get("errors", ())],
    )


def _retry_after(answer: httpx.Response | None) -> float:
    """Seconds that the gateway asks for; 0 when it does not say."""
    given = "" if answer is None else answer.headers.get("retry-after", "")
    return float(given) if given.isdecimal() else 0.0
