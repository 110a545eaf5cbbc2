"""Carries out orders on a service's own stores, and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

import msgspec
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.codec import Reader, Writer
from shared.contracts.events import Event
from shared.contracts.privacy import LegalHoldChanged, OrderKind, PrivacyAnswered, PrivacyOrdered, StoreCount
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Output, Received
from shared.looking import Looking
from shared.privacy.participant.holds import KnownHolds
from shared.privacy.participant.store import Batch, Store
from shared.privacy.participant.work import Work, WorkStore
from shared.telemetry.logs import get_log

_log = get_log()

Send = Callable[[Sequence[Output]], Awaitable[None]]
"""`shared.kafka.sending.Sender.send`: returns once all replicas have everything; raises `TryLater`."""

read_order: Final = Reader(PrivacyOrdered, LegalHoldChanged)

LATE: Final = timedelta(days=9)
"""For so long what was under way may still come from topics, which keep it for eight days: an erasure is carried out
again until then, and then its pseudonyms are forgotten too."""
AGAIN: Final = timedelta(hours=6)
"""Between two such looks, at most: the first comes after a minute, and each after as long again as the order is old."""
_SOON: Final = timedelta(minutes=1)
PATIENCE: Final = timedelta(minutes=15)
"""After so long an order that is not carried out is answered as partial."""
HELD: Final = timedelta(minutes=1)
"""An order that a legal hold stops is looked at again after so long."""
_STUCK: Final = timedelta(seconds=1)
_LONGEST: Final = 10.0


class Participant(Looking):
    """A handler of orders and legal holds, and a component that carries orders out. Any number of processes may run
    one.

    An order is kept before its offset passes, and carried out one batch at a time, of one store after the other, with
    a pause between: orders take turns, and the stores stay quick for everybody else. A repeat of an order is nothing.

    A legal hold wins from the next batch on, also over an order that is under way: that waits until the hold is closed,
    or goes on around the people who are held.
    """

    def __init__(
        self,
        service: str,
        stores: Sequence[Store],
        work: WorkStore,
        holds: KnownHolds,
        send: Send,
        clock: Clock,
        *,
        batch: int = 500,
        pause: float = 0.05,
    ) -> None:
        """`pause` is in seconds. What another process left is looked for every 10."""
        super().__init__(f"{service} privacy", self.work, every=pause, longest=_LONGEST, waits="privacy_order_waits")
        self._service = service
        self._stores = tuple(stores)
        self._work = work
        self._holds = holds
        self._send = send
        self._clock = clock
        self._batch = batch
        self._write = Writer(f"/budstikke/{service}/privacy").output

    async def __call__(self, batch: Sequence[Received[Event]], finish: Finish[Event]) -> None:
        """Keep orders and holds. Raises `TryLater` without a database."""
        for received in batch:
            event = received.event
            if isinstance(event, LegalHoldChanged):
                await self._holds.take(event)
                _log.info("legal_hold_taken", hold_id=event.hold_id, closed=event.closed_at is not None)
            elif isinstance(event, PrivacyOrdered) and await self._work.take(event, self._clock.now()):
                _log.info("privacy_order_taken", order_id=event.order_id, kind=event.kind)
                self.wake()
            finish(received)

    async def work(self) -> int:
        """One step of an order that is due; 0 when there is none. Raises `TryLater` without database or broker."""
        claimed = await self._work.claim(self._clock.now())
        if claimed is None:
            return 0
        if claimed.order is None:
            await self._work.put(claimed, msgspec.structs.replace(claimed, next_at=None, claimed_until=None))
        elif claimed.store < len(self._stores):
            await self._step(claimed, claimed.order)
        else:
            await self._close(claimed, claimed.order)
        return 1

    async def _step(self, work: Work, order: PrivacyOrdered) -> None:
        store = self._stores[work.store]

        async def act(session: AsyncClientSession) -> Work:
            held = await self._holds.of(order.account_id, session)
            if held.stops(order):
                return msgspec.structs.replace(work, next_at=self._clock.now() + HELD, claimed_until=None)
            return self._after(work, store.name, await store.forget(held.narrow(order), session, self._batch))

        after = await self._work.step(work, act)
        if not after.told and not after.partial and self._clock.now() - after.started_at > PATIENCE:
            await self._answer(after, order, complete=False)
            await self._work.put(after, msgspec.structs.replace(after, partial=True))

    def _after(self, work: Work, name: str, done: Batch) -> Work:
        now = self._clock.now()
        deleted, _ = work.counts.get(name, (0, 0))
        if work.told and done.deleted:
            _log.info("privacy_came_late", order_id=work.order_id, store=name, count=done.deleted)
        stuck = done.more and not done.deleted
        return msgspec.structs.replace(
            work,
            counts={**work.counts, name: (deleted + done.deleted, done.held)},
            store=work.store if done.more else work.store + 1,
            next_at=now + _STUCK if stuck else now,
            claimed_until=None,
        )

    async def _close(self, work: Work, order: PrivacyOrdered) -> None:
        """Answer, once; look again while something may come late, and then forget the order's pseudonyms."""
        now = self._clock.now()
        finished = msgspec.structs.replace(work, finished_at=work.finished_at or now)
        if not work.told:
            await self._answer(finished, order, complete=True)
        late = order.kind is OrderKind.ERASE and now < order.ordered_at + LATE + AGAIN
        await self._work.put(
            work,
            msgspec.structs.replace(
                finished,
                told=True,
                store=0,
                order=order if late else None,
                next_at=now + min(max(now - order.ordered_at, _SOON), AGAIN) if late else None,
                claimed_until=None,
            ),
        )

    async def _answer(self, work: Work, order: PrivacyOrdered, *, complete: bool) -> None:
        answer = PrivacyAnswered(
            order_id=order.order_id,
            account_id=order.account_id,
            service=self._service,
            started_at=work.started_at,
            finished_at=work.finished_at or self._clock.now(),
            complete=complete,
            counts=tuple(
                StoreCount(store=name, deleted=deleted, held=held) for name, (deleted, held) in work.counts.items()
            ),
        )
        _log.info("privacy_order_answered", order_id=order.order_id, complete=complete)
        await self._send(
            [
                self._write(
                    topics.PRIVACY_RECEIPTS,
                    0,
                    answer,
                    event_id=f"{order.order_id}:{self._service}:{'complete' if complete else 'partial'}",
                    time=answer.finished_at,
                    subject=order.order_id,
                )
            ]
        )
