"""Counts in, signals out: told, kept, finished, in this order. What a crash left unkept is told again by the replay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping, Sequence
from functools import partial
from random import Random
from typing import Final

import msgspec

from services.ingest.signals.windows import Thresholds, Window, add, over, told
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.abuse import SignalChanged, TrafficCounted
from shared.contracts.codec import Writer, only
from shared.errors import BadRecord, TryLater
from shared.ids import AccountId
from shared.kafka.attempts import Rejected
from shared.kafka.backoff import Backoff
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output, Record
from shared.telemetry.logs import get_log

SOURCE: Final = "/budstikke/ingest/signals"

Rows = MutableMapping[bytes, bytes]
"""The newest window of each account, as JSON, by account id."""
Send = Callable[[Sequence[Output]], Awaitable[None]]

_log = get_log()
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Window).decode


class Signals:
    """Folds counts into windows, idempotent by partition and offset, and tells what they say."""

    def __init__(
        self,
        rows: Rows,
        send: Send,
        thresholds: Thresholds,
        *,
        group: str,
        clock: Clock,
        random: Random,
        metrics: KafkaMetrics,
    ) -> None:
        self._rows = rows
        self._send = send
        self._thresholds = thresholds
        self._group = group
        self._clock = clock
        self._random = random
        self._metrics = metrics
        self._write = Writer(SOURCE).output
        self._read = partial(only, TrafficCounted)
        # One partition of dead letters is as good as another: nobody reads them in an order.
        self._dead_letters = DeadLetters(group, topics.dead_letters, lambda _: 1, clock, metrics)
        self._settled: dict[AccountId, Window] = {}
        self._turn = asyncio.Lock()

    async def take(self, record: Record, still: Callable[[], bool]) -> bool:
        """Handle one record; what cannot be read becomes a dead letter. Waits for as long as Kafka does not answer.

        `still` says whether its partition is still read here. Returns whether the record is finished: after a change
        of the partition's owner it is not, and nothing is kept.
        """
        try:
            counted = self._read(record)
        except BadRecord as error:
            _log.error("kafka_dead_letter", group=self._group, offset=record.offset, code=error.code)
            await self._tell(self._dead_letters.outputs([Rejected(record, error)]), record)
        else:
            async with self._turn:
                if not still():
                    return False
                before = self._known(counted.account_id)
                after = add(before, counted, record.partition, record.offset, self._thresholds)
                await self._tell(self._outputs(before, after), record)
                if not still():
                    return False
                self._rows[after.account_id.encode()] = _encode(after)
                self._settled.pop(after.account_id, None)
        self._metrics.records.labels(self._group, record.topic, record.partition).inc()
        return True

    async def settle(self, partitions: Collection[int]) -> None:
        """Take back signals whose time is over, of accounts whose counts come on these partitions. Raises `TryLater`.

        A row is changed by a count alone; what was taken back is remembered until then, and told once more after a
        restart.
        """
        async with self._turn:
            now = self._clock.now()
            for row in list(self._rows.values()):
                window = _decode(row)
                before = self._as_settled(window)
                after = over(before, now, self._thresholds)
                if after.on != before.on and window.partition in partitions:
                    await self._send(self._outputs(before, after))
                    self._settled[after.account_id] = after

    def _known(self, account_id: AccountId) -> Window | None:
        row = self._rows.get(account_id.encode())
        return self._as_settled(_decode(row)) if row is not None else None

    def _as_settled(self, window: Window) -> Window:
        """The window without what was taken back since, unless another process has moved it on meanwhile."""
        settled = self._settled.get(window.account_id)
        same = settled is not None and (settled.partition, settled.offset) == (window.partition, window.offset)
        return settled if settled is not None and same else window

    async def _tell(self, outputs: Sequence[Output], record: Record) -> None:
        """Write until it is acknowledged: meanwhile nothing more is taken."""
        backoff = Backoff(self._random)
        while outputs:
            try:
                await self._send(outputs)
            except TryLater as error:
                self._metrics.retries.labels(self._group, record.topic, record.partition).inc()
                _log.warning("signals_not_told", code=error.code)
                await asyncio.sleep(backoff.pause())
            else:
                return

    def _outputs(self, before: Window | None, after: Window) -> Sequence[Output]:
        """What a window says, before and after a change."""
        changes = told(before, after, self._clock.now(), self._thresholds)
        return [self._output(change) for change in changes]

    def _output(self, change: SignalChanged) -> Output:
        state = "on" if change.on else "off"
        return self._write(
            topics.SIGNALS,
            0,
            change,
            event_id=f"{change.account_id}:{change.signal}:{change.window_start.isoformat()}:{state}",
            time=change.at,
            subject=f"{change.account_id}|{change.signal}",
        )
