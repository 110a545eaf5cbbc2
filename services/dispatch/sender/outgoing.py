"""From an intent on record to the written PDU: each answer makes room for the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.patience import Patience
from services.dispatch.sender.work import Attempt
from shared.clock import Clock
from shared.contracts.words import Lane
from shared.smpp.errors import NotBound, UnencodablePdu, WindowFull
from shared.smpp.link import Link
from shared.smpp.window import OnResult
from shared.telemetry.logs import get_log

_log = get_log()

FRESH_SECONDS = 2.0
"""An intent older than this is not acted on: it is withheld, and the part tried anew."""


class Flight:
    """Attempts whose intents were acknowledged together."""

    __slots__ = ("ended", "left", "withheld")

    def __init__(self, attempts: int) -> None:
        self.left = attempts
        self.withheld: list[Attempt] = []
        self.ended: asyncio.Future[None] | None = None

    @property
    def over(self) -> bool:
        """Whether each was written."""
        return not self.left and not self.withheld


class Outgoing:
    """What waits for a free slot of the link: lanes in turns, each in the order in which it came. It waits for as long
    as its intent is fresh; then it is withheld, as is whatever may not be written when its turn comes.
    """

    def __init__(
        self,
        link_name: str,
        link: Link,
        leases: HeldLeases,
        patience: Patience,
        clock: Clock,
        on_result: OnResult,
        on_unencodable: Callable[[Attempt], None],
    ) -> None:
        self._link_name = link_name
        self._link = link
        self._leases = leases
        self._patience = patience
        self._clock = clock
        self._on_result = on_result
        self._on_unencodable = on_unencodable
        self._rows: dict[Lane, deque[tuple[Attempt, Flight]]] = {}
        self._closed = False

    def add(self, attempts: Sequence[Attempt]) -> Flight:
        """Write these as soon as there is room. One that is not `over` is to be waited for."""
        flight = Flight(len(attempts))
        for attempt in attempts:
            self._rows.setdefault(attempt.parcel.order.message.lane, deque()).append((attempt, flight))
        self.refill()
        return flight

    async def until_over(self, flight: Flight) -> Sequence[Attempt]:
        """Wait until each was written or may not be any more; those that were not, and will not be."""
        if flight.left and not self._closed:
            flight.ended = asyncio.get_running_loop().create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(FRESH_SECONDS):
                    await flight.ended
        if flight.left:
            for row in self._rows.values():
                flight.withheld += [attempt for attempt, its in row if its is flight]
            left = {lane: deque(one for one in row if one[1] is not flight) for lane, row in self._rows.items()}
            self._rows = {lane: row for lane, row in left.items() if row}
        return flight.withheld

    def close(self) -> None:
        """Let nothing wait any longer: a process that stops has no time for it."""
        self._closed = True
        for row in self._rows.values():
            for _, flight in row:
                if flight.ended is not None and not flight.ended.done():
                    flight.ended.set_result(None)

    def refill(self) -> None:
        """Fill the free slots. To be called whenever there may be one: inside the read that brought an answer."""
        while self._rows and (bind := self._link.free_bind()) is not None:
            attempt, flight = self._next()
            flight.left -= 1
            if not self._may_write(attempt) or attempt.part.pdu is None:
                flight.withheld.append(attempt)
            else:
                try:
                    bind.send(attempt.part.pdu, attempt, self._on_result)
                except UnencodablePdu as error:
                    _log.error("part_not_encodable", link=self._link_name, code=error.code, detail=error.detail)
                    self._on_unencodable(attempt)
                except (NotBound, WindowFull):
                    flight.withheld.append(attempt)
            if not flight.left and flight.ended is not None and not flight.ended.done():
                flight.ended.set_result(None)

    def _next(self) -> tuple[Attempt, Flight]:
        """The first of the lane whose turn it is; its next turn comes behind the others."""
        lane = next(iter(self._rows))
        row = self._rows.pop(lane)
        first = row.popleft()
        if row:
            self._rows[lane] = row
        return first

    def _may_write(self, attempt: Attempt) -> bool:
        """The intent is fresh, its lease is ours in the same epoch, and the operator has not asked for patience."""
        intent, now = attempt.intent, self._clock.monotonic()
        return (
            intent is not None
            and now - attempt.intended_at < FRESH_SECONDS
            and self._patience.left() <= 0
            and self._leases.epoch_of(intent.lease) == intent.epoch
        )
