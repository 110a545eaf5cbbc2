"""A sender that keeps what it is given."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import TryLater
from shared.kafka.record import Output


class Outbox:
    """A sender: `sent` in order; refuses while `broken`, after having sent what comes before the refusal."""

    def __init__(self) -> None:
        self.sent: list[Output] = []
        self.broken = False

    async def send(self, outputs: Sequence[Output]) -> None:
        if self.broken:
            raise TryLater("kafka_unavailable", "broken on purpose")
        self.sent += outputs
