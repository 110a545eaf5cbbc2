"""Hands out the records of some shares at least once: batches, patience, dead letters, retry topics."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from operator import attrgetter
from random import Random
from typing import Generic, NamedTuple, TypeAlias

from shared.clock import Clock
from shared.errors import Fatal, TryLater
from shared.kafka.attempts import Attempt, Poison
from shared.kafka.backoff import Backoff
from shared.kafka.dead_letters import DEAD_LETTER_BYTES, DeadLetterCount, DeadLetterLimit
from shared.kafka.health import Pause
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Decode, E, EventT, Received, Record
from shared.kafka.retries import SetAside
from shared.kafka.sending import Sender
from shared.kafka.share import Share
from shared.kafka.tenure import Finishing, Tenure
from shared.telemetry.logs import get_log

_log = get_log()

Finish: TypeAlias = Callable[[Received[EventT]], None]
AtLeastOnceHandler: TypeAlias = Callable[[Sequence[Received[EventT]], Finishing[EventT]], Awaitable[None]]
_AGE = attrgetter("timestamp")
_PARTITION = attrgetter("topic", "partition")


class Taken(NamedTuple):
    """A batch: its records in the order of their age, and the part of each share, which keeps its own order."""

    records: Sequence[Record]
    parts: Sequence[tuple[Share, Sequence[Record]]]


@dataclass(frozen=True, slots=True)
class ShareJob(Generic[E]):
    """What is done with all shares alike. Durations are seconds."""

    group: str
    decode: Decode[E]
    handle: AtLeastOnceHandler[E]
    max_batch: int
    linger: float
    handle_timeout: float | None
    quarantine_after: int
    dead_letter_limit: DeadLetterLimit
    aside: SetAside
    sender: Sender
    clock: Clock
    metrics: KafkaMetrics
    random: Random


async def patiently(
    call: Callable[[], Awaitable[None]], shares: Sequence[Share], *, group: str, metrics: KafkaMetrics, random: Random
) -> bool:
    """Repeat a call until it no longer asks for patience. False when the shares were closed meanwhile."""
    backoff = Backoff(random)
    while True:
        try:
            await call()
        except TryLater as error:
            _log.warning("kafka_stage_waits", group=group, code=error.code)
            for share in shares:
                metrics.retries.labels(group, *share.partition).inc()
                share.trouble = share.trouble or Pause.RETRYING
            await shares[0].sleep(backoff.pause())
            if shares[0].closed:
                return False
        else:
            for share in shares:
                if share.trouble is Pause.RETRYING:
                    share.trouble = None
            return True


def oldest(shares: Sequence[Share], most: int) -> tuple[list[Record], list[tuple[Share, int]]]:
    """The records to be taken next, by age (timestamp), and how many of them are of which share.

    A share whose clock went back keeps its order. A suspect comes alone: whether it hangs the handler shows only then.
    """
    waiting = [share for share in shares if len(share)]
    records = list(islice(merge(*waiting, key=_AGE), most))
    if suspected := {share.partition for share in waiting if share.suspected}:
        first = next((n for n, record in enumerate(records) if _PARTITION(record) in suspected), len(records))
        del records[max(first, 1) :]
    counts = Counter(map(_PARTITION, records))
    return records, [(share, counts[share.partition]) for share in waiting if share.partition in counts]


class ShareWorker(Generic[E]):
    """Works on shares that have one `arrived` and are closed together."""

    def __init__(self, job: ShareJob[E], tenure: Tenure, shares: Sequence[Share]) -> None:
        self._job = job
        self._tenure = tenure
        self._finishing: Finishing[E] = Finishing(tenure)
        self._shares = list(shares)
        self._verdicts = {share.partition: DeadLetterCount(job.dead_letter_limit) for share in shares}
        self._finished = {share.partition: job.metrics.records.labels(job.group, *share.partition) for share in shares}
        self._sizes = job.metrics.batch_records.labels(job.group)
        self._seconds = job.metrics.batch_seconds.labels(job.group)

    async def run(self) -> None:
        """Batch after batch, until the shares are closed."""
        job = self._job
        while (taken := await self._next()) is not None:
            started = job.clock.monotonic()
            attempt: Attempt[E, None] = Attempt(taken.records, job.decode, job.aside.on_postponed)
            if not await self._handled(attempt):
                return
            self._judge(taken, attempt)
            await self._set_aside(attempt)
            for share, part in taken.parts:
                self._finished[share.partition].inc(len(part))
            self._sizes.observe(len(taken.records))
            self._seconds.observe(job.clock.monotonic() - started)

    async def _next(self) -> Taken | None:
        """The next batch, as soon as there is one, there is room for it and `linger` is over; None at the end.

        What waits beside a suspect is not lingered for: there may be thousands of suspects, each alone.
        """
        job, tenure, shares = self._job, self._tenure, self._shares
        while await tenure.has_room() and not shares[0].closed:
            waiting = sum(map(len, shares))
            if waiting:
                if job.linger and waiting < job.max_batch and not any(share.suspected for share in shares):
                    await asyncio.sleep(job.linger)
                return self._take()
            shares[0].arrived.clear()
            await shares[0].arrived.wait()
        return None

    def _take(self) -> Taken | None:
        """What is there now; None when the shares were closed meanwhile."""
        tenure, shares = self._tenure, self._shares
        if shares[0].closed:
            return None
        records, parts = oldest(shares, min(self._job.max_batch, tenure.room))
        return Taken(records, [(share, tenure.take(share, count)) for share, count in parts])

    async def _handled(self, attempt: Attempt[E, None]) -> bool:
        """Run the handler until it has taken the batch. False when it still asked for patience at the end.

        A batch that it has not taken is given back.
        """
        tenure, untouched, taken = self._tenure, True, False

        async def handle(part: Sequence[Received[E]]) -> None:
            nonlocal untouched
            if not untouched:
                part = [received for received in part if tenure.unfinished(received.record)]
            untouched = False
            if part:
                await self._in_time(part)

        try:
            while True:
                try:
                    taken = await self._patiently(lambda: attempt.run(handle))
                    return taken
                except Poison as poison:
                    self._strike(attempt, poison)
        finally:
            if not taken:
                for record in attempt.records:
                    tenure.give_back(record)

    async def _in_time(self, part: Sequence[Received[E]]) -> None:
        """Have it handled. One that hangs ends the process; which record it was shows when they are handled alone."""
        job = self._job
        try:
            async with asyncio.timeout(job.handle_timeout) as limit:
                await job.handle(part, self._finishing)
        except TimeoutError:
            if not limit.expired():
                raise
            code, why = "kafka_handler_hung", f"no end in {job.handle_timeout:g} s"
            first = part[0].record
            if len(part) == 1:
                raise Poison(first, code, why) from None
            self._suspect(part)
            place = f"{first.topic}[{first.partition}] offset {first.offset}"
            raise Fatal(code, f"{place} and {len(part) - 1} more: {why}") from None

    def _suspect(self, part: Sequence[Received[E]]) -> None:
        """One of these ends the process: have that remembered with the last commit of each share."""
        last = {_PARTITION(received.record): received.record.offset for received in part}
        for share in self._shares:
            if share.partition in last:
                share.suspect(last[share.partition])

    def _strike(self, attempt: Attempt[E, None], poison: Poison) -> None:
        """End the process, and have it remembered with the last commit; or quarantine the record."""
        job, record = self._job, poison.record
        (share,) = (each for each in self._shares if each.partition == (record.topic, record.partition))
        strikes = share.strike(record.offset)
        if strikes < job.quarantine_after:
            raise poison
        attempt.quarantine(record, strikes)
        job.metrics.quarantined.labels(job.group, *share.partition).inc()
        _log.error("kafka_record_quarantined", place=f"{share.partition} offset {record.offset}", detail=poison.detail)

    def _judge(self, taken: Taken, attempt: Attempt[E, None]) -> None:
        """Count the dead letters of each partition; too many of them, and it stops where it is."""
        for share, part in taken.parts:
            if not attempt.rejected:
                self._verdicts[share.partition].good(len(part))
                continue
            verdicts = self._verdicts[share.partition].after(part, attempt.dead_offsets(share.partition))
            self._verdicts[share.partition] = verdicts
            if verdicts.exceeded:
                share.halt(Pause.DEAD_LETTERS)
                self._tenure.abandon(share)
                _log.error("kafka_too_many_dead_letters", group=self._job.group, partition=str(share.partition))

    async def _set_aside(self, attempt: Attempt[E, None]) -> None:
        """Write what was rejected or postponed where it belongs; then it counts as finished here."""
        job, tenure = self._job, self._tenure
        rejected = [each for each in attempt.rejected if tenure.unfinished(each.record)]
        postponed = [each for each in attempt.postponed if tenure.unfinished(each.record)]
        outputs = job.aside.outputs(rejected, postponed)
        if not outputs:
            return
        written = await self._patiently(lambda: job.sender.send(outputs, limit=DEAD_LETTER_BYTES))
        for each in (*rejected, *postponed):
            (tenure.finish if written else tenure.give_back)(each.record)

    async def _patiently(self, call: Callable[[], Awaitable[None]]) -> bool:
        job = self._job
        return await patiently(call, self._shares, group=job.group, metrics=job.metrics, random=job.random)
