"""Which operators can be reached, as their senders say on `dispatch.links`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from shared.clock import Clock
from shared.contracts.codec import only
from shared.contracts.events import LinkChanged
from shared.kafka.record import Record

REPEATED: Final = 5.0
"""Seconds after which a sender says again that its operator can be reached."""

_BELIEVED: Final = timedelta(seconds=3 * REPEATED)

read_link = partial(only, LinkChanged)


class Links:
    """The table behind the topic. `apply` bears a record that it has had before.

    Several processes may serve one operator, each with a link of its own, and the last word counts: one whose link
    stands repeats it, one whose link fell says so once. So an operator that can be reached by any is shown as such
    again within `REPEATED` seconds. Nobody is believed for longer than three times that, by the broker's time of the
    record, and by ours of the hearing where that is earlier: a sender's clock does not matter.
    """

    def __init__(self, clock: Clock, operators: Collection[str] = ()) -> None:
        """`operators` are those there are."""
        self._clock = clock
        self.operators = frozenset(operators)
        self._listening_since = clock.now()
        self._up: dict[str, datetime] = {}
        self._down: dict[str, datetime] = {}

    def apply(self, record: Record, event: LinkChanged | None) -> None:
        """One record of the topic."""
        if event is None:
            return
        now_known, before = (self._up, self._down) if event.up else (self._down, self._up)
        now_known[event.operator] = min(datetime.fromtimestamp(record.timestamp / 1000, UTC), self._clock.now())
        before.pop(event.operator, None)

    def up(self) -> frozenset[str]:
        """Operators within reach, as far as can be believed now."""
        since = self._clock.now() - _BELIEVED
        return frozenset([operator for operator, at in self._up.items() if at >= since])

    def hoped(self) -> frozenset[str]:
        """The same, and those that were not heard of while there was time to: whoever has just started to listen sends
        nothing to another operator because the first has not spoken yet.
        """
        since = self._clock.now() - _BELIEVED
        if self._listening_since < since:
            return self.up()
        return self.operators - {operator for operator, at in self._down.items() if at >= since}
