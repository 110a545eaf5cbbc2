"""One operator's sender: intent, PDU, outcome, fact, in this order for every part (architecture: "The sender").

1. An intent row for each part, majority and journaled, in bulk for as many as may be unresolved at once.
2. The PDU, only under the lease's epoch of the intent and less than two seconds after its insert was acknowledged.
3. An outcome row: submitted, refused, unknown (link lost or no answer in time), withheld (never written), deferred, or
   returned (the link is down, and another operator is to have it).
4. The fact on `sms.facts`, or the return on `dispatch.returns`; for what is unknown a row in `unknowns` before that.
   Only then is the record finished (`settling`, `telling`).

Die after 1: a replay finds the intent without outcome, waits until no answer can come to anybody and calls it unknown.
Die after 2: the same. Die after 3: the replay finds the outcome and tells the same. Die after 4: it tells it again,
with the same id. So whatever may end without a PDU asks the ledger first, and an attempt that came to nothing is on
record before the next one begins, here or elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress

from services.dispatch.sender.answers import Answers
from services.dispatch.sender.ending import Ending
from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.inherited import Inherited
from services.dispatch.sender.leaving import Leaving
from services.dispatch.sender.ledger import Ledger
from services.dispatch.sender.on_record import OnRecord
from services.dispatch.sender.outgoing import Flight, Outgoing
from services.dispatch.sender.patience import Patience
from services.dispatch.sender.receipts import SentMemory
from services.dispatch.sender.settling import Settler
from services.dispatch.sender.waiting import Waiting
from services.dispatch.sender.work import Attempt
from shared.clock import Clock
from shared.lifecycle import first_end
from shared.smpp.link import Link
from shared.smpp.results import SubmitResult
from shared.tasks import end

_LONGEST_WAIT = 1.0


class Submitter:
    """Takes attempts of all lanes of one operator as far as the written PDU, and its answers to the settler.

    At most `most_unresolved` attempts have an intent and no outcome: this is U, the number of parts that may go twice
    after a crash, for what is unknown is sent once more.
    """

    def __init__(
        self,
        link_name: str,
        link: Link,
        ledger: Ledger,
        leases: HeldLeases,
        memory: SentMemory,
        settler: Settler,
        inherited: Inherited,
        patience: Patience,
        clock: Clock,
        *,
        most_unresolved: int,
        opt_outs: Callable[[], int] = lambda: 0,
    ) -> None:
        """`opt_outs` counts what became known of recipients who want no more: a look at what waits follows."""
        self._link_name = link_name
        self._link = link
        self._leases = leases
        self._settler = settler
        self._inherited = inherited
        self._patience = patience
        self._clock = clock
        self._record = OnRecord(link_name, ledger, settler, inherited, clock)
        self._answers = Answers(memory, settler, self._record, patience)
        self.late = self._answers.late
        self._ending = Ending(leases, settler, self._record, clock)
        self._leaving = Leaving(link, leases, settler, self._record, clock, most_unresolved)
        self._most_unresolved = most_unresolved
        self._opt_outs = opt_outs
        self._outgoing = Outgoing(link_name, link, leases, patience, clock, self._on_result, self._answers.refuse)
        self.refill = self._outgoing.refill
        self._chunks: set[asyncio.Task[Sequence[Attempt]]] = set()
        self._stalled = False
        self._asking = 0
        self._deferred = Waiting((), opt_outs)
        self._deferred.over = True  # nobody stands by: what comes back of it has to wake somebody
        self._came_back = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[None] | None = None
        settler.try_again = self._defer

    def start(self) -> None:
        """Begin to make the next attempts of what was deferred, and to go on with what was inherited."""
        self._inherited.start()
        self._failed = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._try_again(), name=f"deferred {self._link_name}")

    async def stop(self, deadline: float) -> None:
        """End; what is deferred is on record as such, and its records are not finished. What was begun has `deadline`
        seconds to come to its end, and waits for no slot: an intent that is left without an outcome is unknown.
        """
        await self._inherited.stop()
        await end(*([self._task] if self._task is not None else []))
        self._task = None
        self._outgoing.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                while self._chunks:  # the end of one may begin another
                    await asyncio.wait(self._chunks)
        await end(*self._chunks)

    async def wait(self) -> None:
        """Return or raise when that ended by itself, or something that was begun failed, whoever waits for it: a replay
        goes on from the ledger.
        """
        if self._task is not None and self._failed is not None:
            await first_end(self._inherited.wait(), _ended(self._task), _ended(self._failed))

    async def submit(self, attempts: Iterable[Attempt]) -> None:
        """Take attempts up to their intents; return when all are on record (or need none any more).

        PDUs and outcomes follow on their own: an answer makes room for the next PDU, so that a slow one holds up
        nothing but itself. While the link is down this waits; what outlives its validity here ends as expired without
        an intent, and what its recipient wants no more as rejected. What belongs to a partition that is closing is
        left to its next owner; what belongs to one that was given up meanwhile is dropped: its record is not finished.
        Cancelled, it begins nothing more; what it has begun is taken to its end.
        """
        waiting = Waiting(attempts, self._opt_outs)
        try:
            await self._submit(waiting)
        finally:
            waiting.over = True

    async def _submit(self, waiting: Waiting) -> None:
        while waiting:
            chunk = await self._next_chunk(waiting)
            if chunk:
                waiting.put_back(await self._to_its_end(self._begin(chunk, waiting)))

    async def _next_chunk(self, waiting: Waiting) -> Sequence[Attempt]:
        """As many attempts as may become unresolved now, counted as such, all of partitions whose lease is held.

        A message that came twice waits until the first copy is settled, and then finds what the ledger has of it.
        """
        self._asking += 1
        try:
            room = await self._wait_for_room(waiting)
        finally:
            self._asking -= 1
        now = self._record.next_time()
        chunk: list[Attempt] = []
        while waiting and len(chunk) < room and not self._settler.is_open(waiting[0]):
            lease_id = waiting[0].parcel.lease_id
            epoch = self._leases.epoch_of(lease_id)
            if epoch is None:
                if not chunk and await self._given_up(lease_id):
                    waiting.drop({attempt for attempt in waiting if attempt.parcel.lease_id == lease_id})
                break
            attempt = waiting.popleft()
            attempt.intend(epoch, self._link_name, now)
            self._settler.open(attempt, now)
            chunk.append(attempt)
        return chunk

    async def _given_up(self, lease_id: str) -> bool:
        """Wait for a lease. True when its partition is given up, False when it is worth another look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_WAIT):
                return await self._leases.wait_for(lease_id) is None
        return False

    async def _wait_for_room(self, waiting: Waiting) -> int:
        """Wait until the link is up and enough attempts may be unresolved; end what waits too long meanwhile, and let
        another operator have what it can.

        Enough is what waits, or a fourth of all, so that a crowd is not written row by row; whoever takes it leaves
        as much to each of the others that wait, so that a crowd of one lane holds up no other. After a stall (an
        attempt had to be withheld) wait for free slots too, and take no more than there are: intents that find none
        are only rows.
        """
        while True:
            waiting.leave()
            if waiting.is_due(self._clock.now()) and not await self._ending.end_unsent(waiting):
                waiting.look_again()
            if self._leaving.is_time() and (going := self._leaving.take(waiting)):
                waiting.put_back(await self._to_its_end(self._leaving.give_back(going)))
            if not waiting:
                return 0
            enough = min(len(waiting), max(self._most_unresolved // 4, 1))
            async with self._settler.changed:
                room = self._most_unresolved - self._settler.unresolved
                patience = self._patience.left()
                free = self._link.up and (self._link.free or not self._stalled)
                if free and room >= enough and patience <= 0 and not self._settler.is_open(waiting[0]):
                    return max((min(room, self._link.free) if self._stalled else room) // self._asking, 1)
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(patience, _LONGEST_WAIT) if patience > 0 else _LONGEST_WAIT):
                        await self._settler.changed.wait()

    async def _to_its_end(self, chunk: Coroutine[object, object, Sequence[Attempt]]) -> Sequence[Attempt]:
        """Run what must not stop half way, even when whoever waits for it is cancelled."""
        return await asyncio.shield(self._keep(asyncio.create_task(chunk)))

    def _keep(self, task: asyncio.Task[Sequence[Attempt]]) -> asyncio.Task[Sequence[Attempt]]:
        """Until it is done. One that fails leaves attempts open, of which nobody here knows how far they came."""
        self._chunks.add(task)
        task.add_done_callback(self._chunks.discard)
        task.add_done_callback(self._fail)
        return task

    async def _begin(self, chunk: Sequence[Attempt], waiting: Waiting) -> Sequence[Attempt]:
        """Intents; then PDUs, as far as there is room for them, the others when there is. Returns the attempts that
        must be made anew, as the next attempt.
        """
        known = await self._record.known(chunk, intend=True)
        acknowledged = self._clock.monotonic()
        again: list[Attempt] = []
        fresh: list[Attempt] = []
        for attempt in chunk:
            if attempt.key in known:
                again.extend(self._record.take_up(attempt, known[attempt.key]))
            else:
                attempt.intended_at = acknowledged
                fresh.append(attempt)
        if again:
            await self._settler.notify()
        flight = self._outgoing.add(fresh)
        if flight.over:
            self._stalled = False
        else:
            self._keep(asyncio.create_task(self._withhold(flight, waiting)))
        return again

    async def _withhold(self, flight: Flight, waiting: Waiting) -> Sequence[Attempt]:
        """Put on record what could not be written in time, and make it anew."""
        withheld = await self._outgoing.until_over(flight)
        self._stalled = bool(withheld)
        if withheld:
            again = await self._record.withhold(withheld)
            if waiting.over:
                for attempt in again:
                    self._defer(attempt)
            else:
                waiting.put_back(again)
            await self._settler.notify()
        return ()

    def _fail(self, chunk: asyncio.Task[Sequence[Attempt]]) -> None:
        error = None if chunk.cancelled() else chunk.exception()
        if error is not None and self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    def _on_result(self, attempt: Attempt, result: SubmitResult) -> None:
        """The operator's answer, inside the read that brought it."""
        self._answers.take(attempt, result)
        self.refill()

    def _defer(self, attempt: Attempt) -> None:
        if self._leases.wants(attempt.parcel.lease_id):
            self._deferred.add(attempt)
            self._came_back.set()

    async def _try_again(self) -> None:
        """Submit what came back after its record's batch had been handed over, for ever."""
        while True:
            await self._came_back.wait()
            self._came_back.clear()
            await self._submit(self._deferred)


async def _ended(task: asyncio.Future[None]) -> None:
    await asyncio.shield(task)
