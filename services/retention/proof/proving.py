"""Takes answers, closes orders with a record, and raises the alarm for those that are overdue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from services.retention.order import SERVICES, Order, OrderState, answered
from services.retention.proof.chain import Chain
from services.retention.proof.keys import Destroyed, destroy_keys
from services.retention.proof.metrics import ProofMetrics
from services.retention.store import RetentionStore
from shared.clock import Clock
from shared.contracts.codec import only
from shared.contracts.privacy import PrivacyAnswered
from shared.errors import TryLater
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Received
from shared.looking import Looking
from shared.privacy.keys import KeyStore
from shared.privacy.proof import Claim, Outcome
from shared.telemetry.logs import get_log

_log = get_log()

read_answer = partial(only, PrivacyAnswered)

VERSION: Final = "0.1.0"
_ROUNDS: Final = 5
_EVERY: Final = 1.0
_LONGEST: Final = 10.0


class Proving(Looking):
    """A handler of answers, and a component that looks for what is overdue, withheld, or answered and not closed.

    Order of effects: answer, keys, record, state. A crash between them is mended by the next answer or the next look.
    """

    def __init__(
        self,
        store: RetentionStore,
        chain: Chain,
        keys: KeyStore,
        clock: Clock,
        metrics: ProofMetrics,
        *,
        overdue: timedelta = timedelta(hours=24),
        every: float = _EVERY,
    ) -> None:
        """`every` is in seconds; while there is nothing to be recorded, one looks every 10."""
        super().__init__("proving", self.look, every=every, longest=_LONGEST, waits="privacy_not_proved")
        self._store = store
        self._chain = chain
        self._keys = keys
        self._clock = clock
        self._metrics = metrics
        self._overdue = overdue

    async def __call__(self, batch: Sequence[Received[PrivacyAnswered]], finish: Finish[PrivacyAnswered]) -> None:
        """Take answers. Raises `TryLater` without a database."""
        for received in batch:
            await self._hear(received.event)
            finish(received)

    async def look(self) -> int:
        """Record what is overdue or withheld; how many orders. Raises `TryLater` without a database."""
        overdue = await self._store.overdue(self._clock.now() - self._overdue)
        for order in overdue:
            missing = sorted(name for name in SERVICES if name not in order.answers or not order.answers[name].complete)
            _log.error("privacy_order_overdue", order_id=order.order_id, missing=missing)
            record = await self._chain.append(self._claim(order, Outcome.PARTIAL))
            after = msgspec.structs.replace(order, state=OrderState.PARTIAL, proof=record.hash)
            await self._store.change(order, after)
        waiting = await self._store.orders({"state": OrderState.PARTIAL.value})
        self._metrics.overdue.set(len(waiting))
        withheld = await self._store.orders({"state": OrderState.WITHHELD.value, "finished_at": None})
        for order in withheld:
            record = await self._chain.append(self._claim(order, Outcome.WITHHELD))
            after = msgspec.structs.replace(order, finished_at=self._clock.now(), proof=record.hash)
            await self._store.change(order, after)
        return len(overdue) + len(withheld)

    async def _hear(self, answer: PrivacyAnswered) -> None:
        for _ in range(_ROUNDS):
            known = await self._store.order(answer.order_id)
            if known is None:
                _log.error("privacy_answer_unasked", order_id=answer.order_id, service=answer.service)
                return
            if known.state is OrderState.FINISHED:
                return
            after = answered(known, answer)
            if after != known and not await self._store.change(known, after):
                continue
            if not after.answered:
                return
            keys = destroy_keys(self._keys, after, await self._store.held(after.account_id))
            record = await self._chain.append(self._claim(after, Outcome.COMPLETE, keys))
            done = msgspec.structs.replace(
                after, state=OrderState.FINISHED, finished_at=self._clock.now(), event=None, proof=record.hash
            )
            if await self._store.change(after, done):
                self._metrics.finished.labels(after.kind).inc()
                _log.info("privacy_order_finished", order_id=after.order_id, proof=record.number, hash=record.hash)
                return
        raise TryLater("order_contended", "others change the same order all the time")

    def _claim(self, order: Order, outcome: Outcome, keys: Destroyed | None = None) -> Claim:
        counts = {service: dict(answer.counts) for service, answer in sorted(order.answers.items())}
        return Claim(
            order_id=order.order_id,
            outcome=outcome,
            kind=order.kind,
            basis=order.basis,
            account_id=order.account_id,
            scope=order.scope,
            counts=counts | ({} if keys is None else {"retention": {"keys": keys}}),
            held=order.held,
            ordered_at=_milliseconds(order.ordered_at),
            recorded_at=_milliseconds(self._clock.now()),
            actor=order.actor,
            version=VERSION,
        )


def _milliseconds(at: datetime) -> datetime:
    """As the database gives it back, for the hash is over what is read."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
