"""Tries parked deliveries again when they are due. Any number of processes may sweep: a claim is a compare-and-set."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Final

import msgspec

from services.dlr.webhooks.client.outcome import Failure, Outcome
from services.dlr.webhooks.delivery.courier import Courier, Errand
from services.dlr.webhooks.delivery.delivery import Delivery, Last
from services.dlr.webhooks.delivery.history import History, Success
from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.delivery.parking import Parking
from services.dlr.webhooks.delivery.payload import render
from services.dlr.webhooks.delivery.schedule import FIRST, IN_ALL, Again, Dead, Done, End, next_step
from services.dlr.webhooks.delivery.store import (
    Candidate,
    DeliveryStore,
    buried,
    claim_until,
    delivered,
    postponed,
    tried,
)
from services.dlr.webhooks.delivery.switching import Switchboard
from services.dlr.webhooks.endpoints.occasion import Occasion
from services.dlr.webhooks.endpoints.policy import Known, Place
from services.dlr.webhooks.endpoints.view import EndpointView
from shared.clock import Clock
from shared.contracts.events import MessageStatusChanged
from shared.contracts.inbound import InboundRouted
from shared.errors import BadRecord, TryLater
from shared.ids import AccountId
from shared.lifecycle import Health
from shared.privacy.sealing import Sealer
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

_MOST: Final = 500
_PER_CHANNEL: Final = 64
_ROUNDS: Final = 10
_LEASE: Final = 60.0
_UNSETTLED: Final = 4 * _MOST
_EXCLUDED: Final = 2_000


def choose(candidates: Sequence[Candidate], room: Callable[[str], int]) -> tuple[list[Candidate], set[str]]:
    """Those that their channels have room for, the longest waiting first; and the channels that are full then."""
    taken: Counter[str] = Counter()
    rooms: dict[str, int] = {}
    chosen = []
    full = set()
    for candidate in candidates:
        channel = candidate.channel
        if channel not in rooms:
            rooms[channel] = min(room(channel), _PER_CHANNEL)
        if taken[channel] < rooms[channel]:
            taken[channel] += 1
            chosen.append(candidate)
        else:
            full.add(channel)
    return chosen, full


class Sweeper:
    """Looks every `every` seconds. Order of effects: claim, attempt, settle; a claim that nobody settles ends in 60 s.

    Channels that are left alone are not even looked at, and no channel takes more than its room, so that a customer
    with a hundred thousand parked deliveries delays no other's.
    """

    def __init__(
        self,
        *,
        store: DeliveryStore,
        view: EndpointView,
        courier: Courier,
        parking: Parking,
        history: History,
        switchboard: Switchboard,
        sealer: Sealer,
        metrics: WebhookMetrics,
        clock: Clock,
        random: Random,
        every: float = 1.0,
    ) -> None:
        self.name = "webhook sweeper"
        self._store = store
        self._view = view
        self._courier = courier
        self._parking = parking
        self._history = history
        self._switchboard = switchboard
        self._sealer = sealer
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self._every = every
        self._status = msgspec.json.Decoder(MessageStatusChanged).decode
        self._incoming = msgspec.json.Decoder(InboundRouted).decode
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to sweep."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - what is claimed is the courier's to end
        """Claim no more."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Raise what ended the sweeping; it never ends by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready once started; what the database does shows in the parking."""
        return Health(ready=self._task is not None, reason="" if self._task else "not started")

    async def sweep(self) -> int:
        """Claim and begin what is due, as far as there is room; how many. Raises `TryLater`."""
        without = set(self._courier.resting()[:_EXCLUDED])
        begun = 0
        for _ in range(_ROUNDS):
            if len(self._parking) > _UNSETTLED:
                break
            now = self._clock.now()
            candidates = await self._store.due(now, without, _MOST)
            chosen, full = choose(candidates, self._courier.room)
            claim = f"{self._random.getrandbits(96):024x}"
            claimed = await self._store.claim(chosen, claim, claim_until(now, _LEASE))
            if claimed:
                known = await self._known(claimed)
                for delivery in claimed:
                    self._begin(delivery, known[delivery.account_id], now)
                begun += len(claimed)
            without |= full
            if len(candidates) < _MOST or len(without) > _EXCLUDED:
                break
        return begun

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except TryLater as error:
                _log.warning("webhook_sweep_waits", code=error.code)
            await asyncio.sleep(self._every * self._random.uniform(0.75, 1.25))

    async def _known(self, claimed: Sequence[Delivery]) -> dict[AccountId, Known]:
        """What is known of their accounts. Before a delivery ends for want of its endpoint, the database is asked: the
        endpoint may have been switched on a moment ago, to replay this very delivery.
        """
        known = await self._view.of({delivery.account_id for delivery in claimed})
        lost = {one.account_id for one in claimed if self._place(one, known[one.account_id]) is None}
        return known | await self._view.of(lost, anew=True) if lost else known

    def _begin(self, delivery: Delivery, known: Known, now: datetime) -> None:
        place = self._place(delivery, known)
        if place is None:
            self._bury(delivery, None, End.SWITCHED_OFF, now)
            return
        try:
            decode = self._incoming if delivery.state is Occasion.RECEIVED else self._status
            body = render(delivery.event_id, decode(delivery.payload), self._sealer)
        except (msgspec.DecodeError, BadRecord) as error:
            _log.error("webhook_delivery_unreadable", delivery_id=delivery.id, exc_info=error)
            self._bury(delivery, None, End.UNREADABLE, now)
            return

        def done(outcome: Outcome) -> None:
            self._ended(delivery, place, outcome)

        if not self._courier.offer(Errand(place, delivery.event_id, body, done)):
            self._postpone(delivery, now)

    def _place(self, delivery: Delivery, known: Known) -> Place | None:
        if delivery.url is not None:
            return self._view.callback(delivery.account_id, delivery.url, known)
        return next((place for place in known.places if place.endpoint_id == delivery.endpoint_id), None)

    def _ended(self, delivery: Delivery, place: Place, outcome: Outcome) -> None:
        now = self._clock.now()
        if outcome.failure is Failure.BUSY:
            self._postpone(delivery, now)
            return
        self._switchboard.heard(place, outcome, now)
        last = Last(now, outcome.status, outcome.failure)
        match next_step(outcome, delivery.attempts + 1, delivery.first_at, now, self._random):
            case Done():
                self._metrics.age_seconds.observe((now - delivery.created_at).total_seconds())
                self._history.add(delivery.endpoint_id, partial(_success, delivery, outcome, now))
                self._parking.put(delivered(delivery))
            case Again(due):
                self._parking.put(tried(delivery, last, due))
            case Dead(end):
                self._bury(delivery, last, end, now)

    def _postpone(self, delivery: Delivery, now: datetime) -> None:
        """Nothing was sent; but what is a day late is over, tried or not."""
        if now >= delivery.first_at + IN_ALL:
            self._bury(delivery, None, End.TIME_IS_UP, now)
        else:
            wait: timedelta = FIRST * self._random.uniform(1.0, 2.0)
            self._parking.put(postponed(delivery, now + wait))

    def _bury(self, delivery: Delivery, last: Last | None, end: End, now: datetime) -> None:
        self._metrics.dead.inc()
        self._parking.put(buried(delivery, last, end, now))


def _success(delivery: Delivery, outcome: Outcome, now: datetime) -> Success:
    return Success(
        id=delivery.id,
        event_id=delivery.event_id,
        message_id=delivery.message_id,
        state=delivery.state,
        at=now,
        status=outcome.status,
        attempts=delivery.attempts + 1,
        milliseconds=int(outcome.seconds * 1000),
    )
