"""Taking over: ids, sealed fields, records, and the promise once the broker has them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from services.ingest.accounts.account import Grant
from services.ingest.accounts.keys import Scope
from services.ingest.api.drafting import Draft
from services.ingest.api.flush import Flush
from services.ingest.api.gathering import Gathering
from services.ingest.api.requested import event_id_of, send_requested
from services.ingest.idempotency.claims import Claim
from shared.clock import Clock
from shared.contracts.codec import Writer
from shared.contracts.events import Actor
from shared.contracts.topics import requests
from shared.contracts.words import Door, Lane
from shared.ids import DerivedIds, MessageId, MessageIds, partition_of
from shared.privacy.sealing import Sealer
from shared.text.numbers import Number

SOURCE: Final = "/budstikke/ingest/api"
CHUNK: Final = 50
"""Recipients handled between two looks at other requests: about 1 ms, or 3 ms of foreign numbers."""


class Order(msgspec.Struct, frozen=True):
    """A checked request of somebody known, from an address, to the numbers that are good.

    With a `claim` it may be a repeat; `places` then says which of the request's recipients the numbers are.
    """

    draft: Draft
    grant: Grant
    ip: str | None
    numbers: Sequence[Number]
    places: Sequence[int] = ()
    claim: Claim | None = None


class Acceptance:
    """Turns orders into `SendRequested` on the lane's topic, keyed and partitioned by message id.

    Records of a repeated order are the same again but for the seals: ids and times follow from its claim.
    """

    def __init__(
        self, gatherings: Mapping[Lane, Gathering], ids: MessageIds, sealer: Sealer, writer: Writer, clock: Clock
    ) -> None:
        self._gatherings = gatherings
        self._ids = ids
        self._sealer = sealer
        self._writer = writer
        self._clock = clock

    async def __call__(self, order: Order) -> list[MessageId]:
        """Return the ids, in the order of the numbers, once all replicas have every record.

        Raises `TryLater`: `over_capacity` or `stopping` before anything is written; `broker_unavailable` when some,
        all or none may have been written.
        """
        gathering = self._gatherings[order.draft.lane]
        total = len(order.numbers)
        derived = _derived(order)
        partition = None if derived is None else partition_of(derived.of(order.places[0]), gathering.partitions)
        gathering.reserve(total, partition)
        ids: list[MessageId] = []
        flushes: dict[Flush, asyncio.Future[None]] = {}
        try:
            while len(ids) < total:
                flush = gathering.flush(partition)
                if flush not in flushes:
                    flushes[flush] = flush.acknowledged()
                self._add(order, derived, flush, gathering.partitions, ids)
                if len(ids) < total:
                    await asyncio.sleep(0)
            for waiter in flushes.values():
                await waiter
        finally:
            gathering.release(total - len(ids))
            for waiter in flushes.values():
                _abandon(waiter)
        return ids

    def _add(
        self, order: Order, derived: DerivedIds | None, flush: Flush, partitions: int, ids: list[MessageId]
    ) -> None:
        """Add the next chunk of an order to a flush."""
        now = self._clock.now() if order.claim is None else order.claim.at
        account = order.grant.account.account_id
        topic = requests(order.draft.lane)
        actor = Actor(key_id=order.grant.key.key_id, ip=order.ip)
        test = order.draft.body.test or Scope.TEST in order.grant.key.scopes
        numbers = order.numbers[len(ids) : len(ids) + CHUNK]
        if derived is None:
            names = [self._ids.mint(flush.partition, partitions) for _ in numbers]
        else:
            names = [derived.of(place) for place in order.places[len(ids) : len(ids) + CHUNK]]
        for number, message_id in zip(numbers, names, strict=True):
            event = send_requested(
                order.draft,
                number,
                message_id,
                account_id=account,
                at=now,
                asked_at=now,
                door=Door.HTTP,
                actor=actor,
                test=test,
                sealer=self._sealer,
            )
            flush.outputs.append(
                self._writer.output(
                    topic,
                    flush.partition,
                    event,
                    event_id=event_id_of(message_id),
                    time=now,
                    subject=message_id,
                )
            )
            ids.append(message_id)


def _derived(order: Order) -> DerivedIds | None:
    """Ids of an order that may be a repeat, all of one partition. One belongs to a place in the request, not to one
    among the good numbers: at a repeat the verdict on another recipient may have changed.
    """
    if order.claim is None:
        return None
    return DerivedIds(order.claim.account_id, order.claim.key, order.claim.at)


def _abandon(waiter: asyncio.Future[None]) -> None:
    """Nobody waits any more: what still comes of it is no news."""
    if waiter.done() and not waiter.cancelled():
        waiter.exception()
    else:
        waiter.cancel()
