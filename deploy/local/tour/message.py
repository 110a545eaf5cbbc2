"""One message, watched from the door to the handset."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import msgspec

from deploy.local.terminal import Style, Terminal
from deploy.local.tour.gateway import Gateway
from shared.errors import Fatal

DELIVER = 60.0
"""Seconds within which a message of the tour must be in its final state."""

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


class _Seen(msgspec.Struct, frozen=True):
    final: bool
    history: tuple[Step, ...] = ()


def show(gateway: Gateway, terminal: Terminal, *, test: bool = False) -> None:
    """Send, and tell each state with the time it took. A `test` goes to the built-in operator alone."""
    message_id = send(gateway, _MESSAGE | {"test": test})
    terminal.done("POST /v1/messages", f"202, message {message_id}")
    began = None
    for step in follow(gateway, message_id, DELIVER):
        began = began or step.at
        after = f"{(step.at - began).total_seconds() * 1000:8.0f} ms"
        terminal.done(step.state, terminal.paint(after, Style.DIM))


def send(gateway: Gateway, message: dict[str, object]) -> str:
    """Send as a customer; the message's id. Raises Fatal `demo_failed` when the API refuses."""
    message_id: str = gateway.customer("POST", "/v1/messages", message)["messages"][0]["id"]
    return message_id


def follow(gateway: Gateway, message_id: str, deadline: float) -> Iterator[Step]:
    """Each state as it is reached, until the final one. A moment ago the door answered, later the log does: the same
    state may come with a slightly different time, and counts once.

    Raises Fatal `demo_failed` when none is final after `deadline` seconds.
    """
    until = time.monotonic() + deadline
    known: dict[str, Step] = {}
    while time.monotonic() < until:
        seen = msgspec.convert(gateway.customer("GET", f"/v1/messages/{message_id}"), _Seen)
        for step in seen.history:
            if step.state not in known:
                known[step.state] = step
                yield step
        if seen.final:
            return
        time.sleep(_PAUSE)
    last = max(known.values(), key=lambda step: step.at).state if known else "accepted"
    raise Fatal("demo_failed", f"after {deadline:g} s the message is still {last}; the logs tell more")
