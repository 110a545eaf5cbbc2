"""Tells `sms.counts` what was decided, once a second, in sums per account, by a plain producer.

What cannot be sent is dropped: the signals that are made of it are advisory. What a replay decides again is not
counted again (`Standing`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from secrets import token_hex
from typing import Final
from zlib import crc32

from services.ingest.screening.counting import Kind, Tallies
from services.ingest.screening.outputs import SOURCE
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.abuse import TrafficCounted
from shared.contracts.codec import Writer
from shared.errors import TryLater
from shared.ids import AccountId
from shared.kafka.record import Output
from shared.looking import Looking
from shared.telemetry.logs import get_log

_log = get_log()

Send = Callable[[Sequence[Output]], Awaitable[None]]
Partitions = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
"""How many partitions topics have: `shared.kafka.topics.partitions`."""

_EVERY: Final = 1.0


class CountsRelay(Looking):
    """A component."""

    def __init__(
        self, tallies: Tallies, send: Send, partitions: Partitions, clock: Clock, *, every: float = _EVERY
    ) -> None:
        """`every` is in seconds."""
        super().__init__("counts relay", self.tell, every=every, waits="counts_wait")
        self._tallies = tallies
        self._send = send
        self._partitions = partitions
        self._clock = clock
        self._write = Writer(SOURCE).output
        self._process = token_hex(4)
        self._told = 0
        self._count = 1

    async def start(self) -> None:
        """Begin. Raises `TryLater` while the topic is not there."""
        found = await self._partitions([topics.COUNTS])
        if not found.get(topics.COUNTS):
            raise TryLater("kafka_topic_missing", f"no topic {topics.COUNTS}")
        self._count = found[topics.COUNTS]
        await super().start()

    async def stop(self, deadline: float) -> None:
        """Tell what is left."""
        await super().stop(deadline)
        async with asyncio.timeout(deadline):
            await self.tell()

    async def tell(self) -> None:
        """Send everything since the last time."""
        taken = self._tallies.take()
        if not taken:
            return
        self._told += 1
        try:
            await self._send([self._output(account_id, counts) for account_id, counts in taken.items()])
        except TryLater as error:
            _log.warning("counts_dropped", code=error.code, accounts=len(taken))

    def _output(self, account_id: AccountId, counts: Sequence[int]) -> Output:
        now = self._clock.now()
        event = TrafficCounted(
            account_id=account_id,
            until=now,
            passed=counts[Kind.PASSED],
            refused=counts[Kind.REFUSED],
            held=counts[Kind.HELD],
            delayed=counts[Kind.DELAYED],
        )
        return self._write(
            topics.COUNTS,
            crc32(account_id.encode()) % self._count,
            event,
            event_id=f"{account_id}:counted:{self._process}:{self._told}",
            time=now,
            subject=account_id,
        )
