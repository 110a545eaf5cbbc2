"""Orphan receipts and messages find each other, whichever comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from services.dlr.status.message import Message
from services.dlr.status.metrics import StatusMetrics
from services.dlr.status.orphans import KEPT, Adopter, keys_of
from services.dlr.status.parked import ParkedReceipts
from services.dlr.status.store import MessageStore
from shared.clock import Clock
from shared.contracts.events import OperatorReceipt
from shared.contracts.topics import dead_letters
from shared.errors import BadRecord
from shared.kafka.dead_letters import dead_letter
from shared.kafka.record import Output, Received
from shared.telemetry.logs import get_log

_log = get_log()

Orphans: TypeAlias = Sequence[Received[OperatorReceipt]]


class Matched(msgspec.Struct, frozen=True):
    """What to send, and which parked receipts to drop after that."""

    outputs: Sequence[Output] = ()
    done: Sequence[str] = ()


class Matching:
    """Looks for the message of a receipt, and for the receipts of a message.

    A receipt that finds none is parked and then looks once more; a message looks when it has been written. So of two
    members that do this at the same time at least one finds the other's. When both do it makes one event: its id is
    the receipt's.
    """

    def __init__(
        self,
        store: MessageStore,
        parked: ParkedReceipts,
        adopter: Adopter,
        metrics: StatusMetrics,
        clock: Clock,
        group: str,
    ) -> None:
        self._store = store
        self._parked = parked
        self._adopter = adopter
        self._metrics = metrics
        self._clock = clock
        self._group = group

    async def of_receipts(self, orphans: Orphans) -> list[Output]:
        """Receipts under their message's key, and dead letters of those that no message can ever have."""
        outputs: list[Output] = []
        missed = await self._look(orphans, outputs)
        if missed:
            await self._parked.park([one.event for one in missed], self._clock.now())
            missed = await self._look(missed, outputs)
        self._metrics.orphans.labels("no").inc(len(missed))
        return outputs

    async def of_messages(self, messages: Iterable[Message]) -> Matched:
        """The parked receipts of messages that have just been written."""
        by_key = _by_key(messages)
        waiting = await self._parked.called(by_key) if by_key else []
        outputs: list[Output] = []
        done: list[str] = []
        for receipt in waiting:
            try:
                adopted = self._adopter.adopted(receipt, _candidates(receipt, by_key))
            except BadRecord as error:
                _log.error("parked_receipt_dropped", code=error.code, receipt_id=receipt.receipt_id)
                self._metrics.orphans.labels("never").inc()
                done.append(receipt.receipt_id)
                continue
            if adopted:
                outputs.extend(adopted)
                done.append(receipt.receipt_id)
                self._metrics.orphans.labels("late").inc()
        return Matched(outputs, done)

    async def drop(self, matched: Matched) -> None:
        """What was sent waits no more."""
        if matched.done:
            await self._parked.drop(matched.done)

    async def _look(self, orphans: Orphans, outputs: list[Output]) -> list[Received[OperatorReceipt]]:
        """Add what was found to `outputs`; returns what was not."""
        keys = {key for one in orphans for key in keys_of(one.event)}
        since = min((one.event.received_at for one in orphans), default=self._clock.now()) - KEPT
        by_key = _by_key(await self._store.named(keys, since)) if keys else {}
        missed, matched = [], 0
        for one in orphans:
            try:
                if not keys_of(one.event):
                    raise BadRecord("unknown_message", "the receipt names no message")
                found = self._adopter.adopted(one.event, _candidates(one.event, by_key))
            except BadRecord as error:
                outputs.append(self._dead(one, error))
                self._metrics.orphans.labels("never").inc()
                continue
            if found:
                outputs.extend(found)
                matched += 1
            else:
                missed.append(one)
        self._metrics.orphans.labels("yes").inc(matched)
        return missed

    def _dead(self, received: Received[OperatorReceipt], error: BadRecord) -> Output:
        """Written here, not by the kit: one bad receipt must not make the whole batch run again."""
        record = received.record
        now_ms = int(self._clock.now().timestamp() * 1000)
        topic = dead_letters(record.topic)
        return dead_letter(record, error, topic=topic, partition=0, group=self._group, now_ms=now_ms)


def _by_key(messages: Iterable[Message]) -> dict[str, list[Message]]:
    by_key: dict[str, list[Message]] = {}
    for message in messages:
        for key in {submission.key for submission in message.submissions}:
            by_key.setdefault(key, []).append(message)
    return by_key


def _candidates(receipt: OperatorReceipt, by_key: Mapping[str, Sequence[Message]]) -> list[Message]:
    return [message for key in keys_of(receipt) for message in by_key.get(key, ())]
