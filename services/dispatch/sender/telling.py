"""What became of parts is told, as facts or as returns; only then their records are finished."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from services.dispatch.sender.facts import FactWriter
from services.dispatch.sender.insisting import insist
from services.dispatch.sender.ledger import CLOSED, OutcomeKind
from services.dispatch.sender.returns import ReturnWriter
from services.dispatch.sender.work import Attempt, Parcel, Settled
from shared.clock import Clock
from shared.contracts.codes import Reason
from shared.contracts.words import FactKind
from shared.kafka.lingering import linger
from shared.kafka.record import Output
from shared.kafka.sending import Sender

GATHER: Final = 0.004
MOST_AT_ONCE: Final = 500
"""What goes to the broker waits for company while more comes, for so many seconds at a time (`linger`); a produce costs
150 µs here and as much there, whatever is in it."""


class _Ended(NamedTuple):
    """A part without an attempt at it, and its facts."""

    parcel: Parcel
    facts: Sequence[Output]


class Teller:
    """Tells of one operator's parts, batch after batch. `told` is called after each, when its records are finished."""

    def __init__(
        self, operator: str, sender: Sender, partitions: int, clock: Clock, told: Callable[[], Awaitable[None]]
    ) -> None:
        self._operator = operator
        self._sender = sender
        self._facts = FactWriter(partitions)
        self._returns = ReturnWriter(partitions)
        self._clock = clock
        self._told = told
        self._settled: list[Settled] = []
        self._ended: list[_Ended] = []
        self._telling = 0
        self._arrived = asyncio.Event()

    @property
    def untold(self) -> int:
        """Attempts with their outcome on record, and ends, which have no row: those of which nothing is told yet."""
        return len(self._settled) + len(self._ended) + self._telling

    def tell(self, settled: Sequence[Settled]) -> None:
        """The outcomes of these are on record."""
        self._settled += settled
        self._arrived.set()

    def end(self, attempt: Attempt, kind: FactKind, code: Reason) -> None:
        """A part ends without an attempt at it."""
        parcel = attempt.parcel
        now = self._clock.now()
        facts = [self._facts.of_end(parcel, kind, code, now, part) for part in attempt.part.numbers]
        self._ended.append(_Ended(parcel, facts))
        self._arrived.set()

    async def run(self) -> None:
        """One batch after the other, for ever.

        What has gathered while the broker was away goes in such batches too: each has a deadline of its own.
        """
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self.untold:
                await linger(lambda: self.untold, MOST_AT_ONCE, GATHER)
                await self._tell(self._next_settled(), self._next_ended())

    def _next_settled(self) -> Sequence[Settled]:
        """A batch of attempts; parts of one message that return together are not parted."""
        settled, count = self._settled, min(MOST_AT_ONCE, len(self._settled))
        while 0 < count < len(settled) and settled[count].attempt.parcel is settled[count - 1].attempt.parcel:
            count += 1
        self._settled = settled[count:]
        return settled[:count]

    def _next_ended(self) -> Sequence[_Ended]:
        """A batch of ends."""
        ended, self._ended = self._ended[:MOST_AT_ONCE], self._ended[MOST_AT_ONCE:]
        return ended

    async def _tell(self, settled: Sequence[Settled], ended: Sequence[_Ended]) -> None:
        outputs = [
            *(fact for one in settled for fact in self._facts_of(one)),
            *self._returned([one for one in settled if one.outcome.kind is OutcomeKind.RETURNED]),
            *(fact for one in ended for fact in one.facts),
        ]
        self._telling = len(settled) + len(ended)
        if outputs:
            send = partial(self._sender.send, outputs)
            await insist("facts_not_told", send, operator=self._operator, count=len(outputs))
        self._telling = 0
        for one in settled:
            if not one.late:
                one.attempt.parcel.part_done()
        for end in ended:
            end.parcel.part_done()
        await self._told()

    def _facts_of(self, one: Settled) -> Sequence[Output]:
        """The fact of an outcome; what the sweeper has closed, it tells."""
        if one.outcome.kind in CLOSED:
            return ()
        return self._facts.of_outcome(one.attempt.parcel, one.attempt.part.numbers, one.attempt.number, one.outcome)

    def _returned(self, returned: Sequence[Settled]) -> Sequence[Output]:
        """What goes to another operator: parts of one message in the same attempt together."""
        together: dict[tuple[Parcel, int], list[Settled]] = {}
        for one in returned:
            together.setdefault((one.attempt.parcel, one.attempt.number), []).append(one)
        return [
            self._returns.link_down(
                parcel,
                [number for one in ones for number in one.attempt.part.numbers],
                attempt,
                ones[0].outcome.at,
            )
            for (parcel, attempt), ones in together.items()
        ]
