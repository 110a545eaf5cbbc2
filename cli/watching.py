"""Follow messages until each has its final state or time is up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cli.answers import DELIVERED, Message
from cli.exits import Exit, Failure
from cli.gateway import Gateway, Refusal, Unreachable
from shared.clock import Clock

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
_NOT_FOUND: Final = 404


class Watch:
    """Asks for open messages again and again, at growing intervals (0.2 s to 2 s)."""

    def __init__(self, gateway: Gateway, clock: Clock, sleep: Callable[[float], None], *, seconds: float) -> None:
        self._gateway = gateway
        self._clock = clock
        self._sleep = sleep
        self._seconds = seconds

    def follow(
        self, message_ids: Sequence[str], seen: Callable[[Message, bytes], None], *, known: Message | None = None
    ) -> bool:
        """Call `seen` with each answer that shows another state than the one before, which for a start may be `known`.
        True when all were delivered.

        A message that is not found yet, and a gateway that does not answer for a moment, are asked again. Raises
        `Failure` when a message has no final state in time, or the last of those two still holds then.
        """
        end = self._clock.monotonic() + self._seconds
        states: dict[str, Message | None] = dict.fromkeys(message_ids)
        if known is not None:
            states[known.id] = known
        pause = _FIRST_PAUSE
        while True:
            trouble: Failure | None = None
            for message_id, before in states.items():
                if before is not None and before.final:
                    continue
                try:
                    message, body = self._gateway.message(message_id)
                except Refusal as refusal:
                    if refusal.status != _NOT_FOUND:
                        raise
                    trouble = refusal
                except Unreachable as unreachable:
                    trouble = unreachable
                else:
                    if before is None or before.state != message.state:
                        seen(message, body)
                    states[message_id] = message
            if all(message is not None and message.final for message in states.values()):
                return all(message is not None and message.state == DELIVERED for message in states.values())
            if self._clock.monotonic() + pause > end:
                raise trouble or Failure(Exit.NOT_DELIVERED, f"no final state within {self._seconds:g} s")
            self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
