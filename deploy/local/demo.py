"""One message, watched from the door to the handset."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import httpx
import msgspec

from shared.errors import Fatal

_PAUSE = 0.03  # seconds between two looks at the message
_MESSAGE = {
    "to": "+4790000001",
    "from": "Budstikke",
    "text": "Hei! Denne meldingen gikk hele veien.",
    "category": "otp",
}


class Step(msgspec.Struct, frozen=True):
    """A state that the message reached, and when."""

    state: str
    at: datetime


class _Sent(msgspec.Struct, frozen=True):
    id: str


class _Answer(msgspec.Struct, frozen=True):
    messages: tuple[_Sent, ...]


class _Seen(msgspec.Struct, frozen=True):
    final: bool
    history: tuple[Step, ...] = ()


def client(api: str, key: str) -> httpx.Client:
    """A client of the API, straight to it whatever proxies the machine has."""
    return httpx.Client(base_url=api, headers={"Authorization": f"Bearer {key}"}, timeout=10.0, trust_env=False)


class Demo:
    """Sends one message through the API as a customer would, and follows it."""

    def __init__(self, client: httpx.Client, *, test: bool = False) -> None:
        """`client` has the API's address and a key (`client`); a `test` goes to the built-in operator alone."""
        self._client = client
        self._message = _MESSAGE | {"test": test}

    def send(self) -> str:
        """Send; the message's id. Raises Fatal `demo_failed` when the API refuses."""
        answer = self._client.post("/v1/messages", json=self._message)
        if answer.status_code != httpx.codes.ACCEPTED:
            raise Fatal("demo_failed", f"POST /v1/messages answered {answer.status_code}: {answer.text}")
        return msgspec.json.decode(answer.content, type=_Answer).messages[0].id

    def follow(self, message_id: str, deadline: float) -> Iterator[Step]:
        """Each state as it is reached, until the final one. A moment ago the door answered, later the log does: the
        same state may come with a slightly different time, and counts once.

        Raises Fatal `demo_failed` when none is final after `deadline` seconds.
        """
        until = time.monotonic() + deadline
        known: dict[str, Step] = {}
        while time.monotonic() < until:
            seen = self._look(message_id)
            for step in seen.history:
                if step.state not in known:
                    known[step.state] = step
                    yield step
            if seen.final:
                return
            time.sleep(_PAUSE)
        last = max(known.values(), key=lambda step: step.at).state if known else "accepted"
        raise Fatal("demo_failed", f"after {deadline:g} s the message is still {last}; the logs tell more")

    def _look(self, message_id: str) -> _Seen:
        answer = self._client.get(f"/v1/messages/{message_id}")
        if answer.status_code != httpx.codes.OK:
            raise Fatal("demo_failed", f"GET /v1/messages/{message_id} answered {answer.status_code}: {answer.text}")
        return msgspec.json.decode(answer.content, type=_Seen)
