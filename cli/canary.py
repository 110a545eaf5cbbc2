"""`privacy canary`: somebody who does not exist is written to, forgotten and looked for, in the running system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from cli.exits import Exit, Failure
from cli.gateway import ASK_AGAIN, Gateway
from cli.output import clean
from cli.retaining import Order
from cli.watching import Watch
from shared.clock import Clock

A = TypeVar("A")

_REQUESTS: Final = "/v1/privacy/requests"
_PAUSE: Final = 0.5
_TEXT: Final = "kanari"


class Shown(msgspec.Struct, frozen=True):
    """What a message says of its person."""

    to: str | None = None
    text: str | None = None
    reference: str | None = None


class Canary:
    """Asks with an account's key; what it sends is a test message, which goes to no handset and costs nothing."""

    def __init__(self, gateway: Gateway, clock: Clock, sleep: Callable[[float], None], *, seconds: float) -> None:
        """`seconds` is how long the message, and then the erasure, may take."""
        self._gateway = gateway
        self._clock = clock
        self._sleep = sleep
        self._seconds = seconds

    def fly(self, number: str) -> Iterator[str]:
        """Say what was done. Raises `Failure`: not delivered, not finished in time, or something of it is left."""
        body = {"to": number, "text": _TEXT, "reference": _TEXT, "test": True}
        message_id = self._gateway.send(body)[0].messages[0].id or ""
        watch = Watch(self._gateway, self._clock, self._sleep, seconds=self._seconds)
        if not watch.follow([message_id], lambda *_: None):
            raise Failure(Exit.NOT_DELIVERED, f"the canary was not delivered: message {clean(message_id)}")
        yield f"delivered: message {clean(message_id)}"
        order = self._erased(number)
        yield f"erased: order {clean(order.id)}"
        if left := list(self._left(message_id, order)):
            raise Failure(Exit.DIFFERENCES, f"the canary is not forgotten: {', '.join(left)}")
        yield f"forgotten, on record with the hash {clean(order.proof)}"

    def _erased(self, number: str) -> Order:
        """The order once everybody has answered."""
        order = self._ask("POST", _REQUESTS, Order, {"number": number})
        end = self._clock.monotonic() + self._seconds
        while order.state != "finished":
            if self._clock.monotonic() > end:
                waits = ", ".join(map(clean, order.waits_for))
                raise Failure(Exit.DIFFERENCES, f"order {clean(order.id)} is {clean(order.state)}, waits for {waits}")
            self._sleep(_PAUSE)
            order = self._ask("GET", f"{_REQUESTS}/{quote(order.id, safe='')}", Order)
        return order

    def _left(self, message_id: str, order: Order) -> Iterator[str]:
        if not order.counts.get("dlr", {}).get("messages", (0, 0))[0]:
            yield "its message was not found by the erasure"
        shown = self._ask("GET", f"/v1/messages/{quote(message_id, safe='')}", Shown)
        yield from (
            f"the message still has its {name}" for name, value in msgspec.structs.asdict(shown).items() if value
        )
        if order.proof is None:
            yield "there is no record of it"

    def _ask(self, method: str, path: str, kind: type[A], body: object = None) -> A:
        return self._gateway.ask(method, path, kind, body, unsent=ASK_AGAIN, lost=ASK_AGAIN)[0]
