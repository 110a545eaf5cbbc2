"""The role `webhooks`: `sms.events` and `dlr.inbound-events` in, customers told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from random import Random
from typing import NamedTuple

from services.dlr.webhooks.client.outcome import Failure, Outcome
from services.dlr.webhooks.delivery.courier import Courier, Errand
from services.dlr.webhooks.delivery.delivery import Delivery, Last, Standing, delivery_id
from services.dlr.webhooks.delivery.history import History, Success
from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.delivery.parking import Parking
from services.dlr.webhooks.delivery.payload import render
from services.dlr.webhooks.delivery.schedule import FIRST, Again, Dead, Done, End, next_step
from services.dlr.webhooks.delivery.store import parked
from services.dlr.webhooks.delivery.switching import Switchboard
from services.dlr.webhooks.delivery.told import Input, Told, Untold
from services.dlr.webhooks.endpoints.endpoint import callbacks_of
from services.dlr.webhooks.endpoints.occasion import occasion_of
from services.dlr.webhooks.endpoints.policy import (
    Known,
    Place,
    places_for,
    wants_callback,
    wants_more_than_the_end,
)
from services.dlr.webhooks.endpoints.view import EndpointView
from shared.clock import Clock
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Received
from shared.privacy.sealing import Sealer


class _Telling(NamedTuple):
    """One state, the places that are told of it, and a callback to where none is sent."""

    told: Told
    places: Sequence[Place]
    refused: str | None
    body: bytes


class _Work:
    """One record and how many of its deliveries are not settled."""

    __slots__ = ("finish", "left", "received")

    def __init__(self, received: Received[Input], finish: Finish[Input], left: int) -> None:
        self.received = received
        self.finish = finish
        self.left = left

    def settle(self) -> None:
        self.left -= 1
        if not self.left:
            self.finish(self.received)


class Webhooks:
    """First attempts. A record is finished when each of its deliveries was answered 2xx or lies in the database.

    Idempotent by event id and endpoint: a record that comes again is sent again with the same webhook-id, and parked
    once.
    """

    def __init__(
        self,
        *,
        view: EndpointView,
        courier: Courier,
        parking: Parking,
        history: History,
        switchboard: Switchboard,
        sealer: Sealer,
        metrics: WebhookMetrics,
        clock: Clock,
        random: Random,
    ) -> None:
        self._view = view
        self._courier = courier
        self._parking = parking
        self._history = history
        self._switchboard = switchboard
        self._sealer = sealer
        self._metrics = metrics
        self._clock = clock
        self._random = random

    async def __call__(self, batch: Sequence[Received[Input]], finish: Finish[Input]) -> None:
        """Begin all deliveries of a batch; returns when the next may come. Raises `TryLater`, `BadRecord`."""
        known = await self._view.of({one.event.event.account_id for one in batch if isinstance(one.event, Told)})
        ready: list[tuple[Received[Input], list[_Telling]]] = []
        for received in batch:
            told = received.event
            tellings = [] if isinstance(told, Untold) else self._tellings(told, known[told.event.account_id])
            if tellings:
                ready.append((received, tellings))
            else:
                finish(received)
        now = self._clock.now()
        for received, tellings in ready:
            work = _Work(received, finish, sum(len(one.places) + (one.refused is not None) for one in tellings))
            for telling in tellings:
                if telling.refused is not None:
                    self._refuse(work, telling.told, telling.refused, now)
                for place in telling.places:
                    self._begin(work, telling.told, place, telling.body, now)
        await self._courier.eased()

    def _tellings(self, told: Told, known: Known) -> list[_Telling]:
        """Whom to tell what of a record. Raises `BadRecord`."""
        tellings = []
        for one in told.each() if wants_more_than_the_end(told.event, known) else (told,):
            event = one.event
            places = places_for(event, known)
            url = wants_callback(event, places)
            refused = None
            if url is not None:
                place = self._view.callback(event.account_id, url, known)
                if place is None:
                    refused = url
                else:
                    places.append(place)
            if places or refused:
                tellings.append(_Telling(one, places, refused, render(one.id, event, self._sealer)))
        return tellings

    def _begin(self, work: _Work, told: Told, place: Place, body: bytes, now: datetime) -> None:
        def done(outcome: Outcome) -> None:
            self._ended(work, told, place, outcome, now)

        if not self._courier.offer(Errand(place, told.id, body, done)):
            self._park(work, _delivery(told, place, now, due=self._soon(now)))

    def _ended(self, work: _Work, told: Told, place: Place, outcome: Outcome, began: datetime) -> None:
        now = self._clock.now()
        if outcome.failure is Failure.BUSY:
            self._park(work, _delivery(told, place, began, due=self._soon(now)))
            return
        self._switchboard.heard(place, outcome, now)
        match next_step(outcome, 1, began, now, self._random):
            case Done():
                self._metrics.age_seconds.observe((now - told.at).total_seconds())
                self._history.add(place.endpoint_id, partial(_success, told, place, outcome, now))
                work.settle()
            case Again(due):
                last = Last(now, outcome.status, outcome.failure)
                self._park(work, _delivery(told, place, began, due=due, attempts=1, last=last))
            case Dead(end):
                last = Last(now, outcome.status, outcome.failure)
                self._metrics.dead.inc()
                delivery = _delivery(told, place, began, attempts=1, last=last, end=end, dead_at=now)
                self._parking.put(parked(delivery), work.settle)

    def _park(self, work: _Work, delivery: Delivery) -> None:
        self._metrics.parked.inc()
        self._parking.put(parked(delivery), work.settle)

    def _refuse(self, work: _Work, told: Told, url: str, now: datetime) -> None:
        """A callback to where webhooks are not sent: the customer finds it among the dead."""
        self._metrics.dead.inc()
        event = told.event
        endpoint = callbacks_of(event.account_id)
        delivery = Delivery(
            id=delivery_id(told.id, endpoint, url),
            account_id=event.account_id,
            endpoint_id=endpoint,
            channel="",
            event_id=told.id,
            message_id=told.subject,
            state=occasion_of(event),
            payload=told.payload,
            created_at=now,
            first_at=now,
            standing=Standing.DEAD,
            attempts=0,
            url=url,
            last=Last(now, failure=Failure.URL_REFUSED),
            end=End.URL_REFUSED,
            dead_at=now,
        )
        self._parking.put(parked(delivery), work.settle)

    def _soon(self, now: datetime) -> datetime:
        """When what was not tried yet is due; scattered, so that a burst does not come back as a burst."""
        return now + FIRST * self._random.uniform(0.2, 1.0)


def _delivery(
    told: Told,
    place: Place,
    first_at: datetime,
    *,
    due: datetime | None = None,
    attempts: int = 0,
    last: Last | None = None,
    end: End | None = None,
    dead_at: datetime | None = None,
) -> Delivery:
    url = place.url if place.callback else None
    return Delivery(
        id=delivery_id(told.id, place.endpoint_id, url),
        account_id=place.account_id,
        endpoint_id=place.endpoint_id,
        channel=place.channel,
        event_id=told.id,
        message_id=told.subject,
        state=occasion_of(told.event),
        payload=told.payload,
        created_at=first_at,
        first_at=first_at,
        standing=Standing.PARKED if end is None else Standing.DEAD,
        attempts=attempts,
        due=due,
        url=url,
        last=last,
        end=end,
        dead_at=dead_at,
    )


def _success(told: Told, place: Place, outcome: Outcome, now: datetime) -> Success:
    url = place.url if place.callback else None
    return Success(
        id=delivery_id(told.id, place.endpoint_id, url),
        event_id=told.id,
        message_id=told.subject,
        state=occasion_of(told.event),
        at=now,
        status=outcome.status,
        attempts=1,
        milliseconds=int(outcome.seconds * 1000),
    )
