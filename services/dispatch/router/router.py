"""The role `router`: accepted messages in, orders to operators and facts out, in one transaction per batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from prometheus_client import CollectorRegistry, Counter

from services.dispatch.operators.routes import TEST, RouteTable
from shared.clock import Clock
from shared.contracts import envelope, topics
from shared.contracts.codec import Writer, only
from shared.contracts.codes import Reason
from shared.contracts.events import DispatchOrdered, MessageAccepted, PartFact
from shared.contracts.words import FactKind
from shared.ids import partition_of
from shared.kafka.record import Output, Received, header
from shared.privacy.sealing import Erased, Sealer

SOURCE = "/budstikke/dispatch/router"

read_accepted = partial(only, MessageAccepted)


class Router:
    """Routes one lane's messages. The fact `queued` is in the same transaction as the order it speaks of."""

    def __init__(
        self, routes: RouteTable, sealer: Sealer, clock: Clock, partitions: int, registry: CollectorRegistry
    ) -> None:
        self._routes = routes
        self._sealer = sealer
        self._clock = clock
        self._partitions = partitions
        self._write = Writer(SOURCE).output
        self._routed = Counter("budstikke_router_routed", "Messages by route", ["route"], registry=registry)
        self._unrouted = Counter("budstikke_router_unrouted", "Messages that got no route", ["code"], registry=registry)

    async def __call__(self, batch: Sequence[Received[MessageAccepted]]) -> Sequence[Output]:
        """An order and a fact for each message, or a fact alone."""
        now = self._clock.now()
        return [output for received in batch for output in self._route(received, now)]

    def _route(self, received: Received[MessageAccepted], now: datetime) -> tuple[Output, ...]:
        message = received.event
        if message.valid_until <= now:
            return (self._ended(received, FactKind.EXPIRED, Reason.VALIDITY_OVER, now),)
        number = self._sealer.open(message.account_id, message.message_id, "to", message.to)
        if isinstance(number, Erased):
            return (self._ended(received, FactKind.REJECTED, Reason.ERASED, now),)
        route = TEST if message.test else self._routes.choose(number)
        if route is None:
            return (self._ended(received, FactKind.FAILED, Reason.NO_ROUTE, now),)
        self._routed.labels(route.route_id).inc()
        order = DispatchOrdered(message=message, operator=route.operator, route_id=route.route_id, ordered_at=now)
        partition = partition_of(message.message_id, self._partitions)
        traceparent = header(received.record, envelope.TRACEPARENT)
        event_id = f"{message.message_id}:ordered:{order.attempt}"
        return (
            self._write(
                topics.dispatch(route.operator, message.lane),
                partition,
                order,
                event_id=event_id,
                time=now,
                subject=message.message_id,
                traceparent=traceparent,
            ),
            self._write(
                topics.FACTS,
                partition,
                self._fact(received, FactKind.QUEUED, None, now, operator=route.operator, route_id=route.route_id),
                event_id=f"{message.message_id}:queued:{order.attempt}",
                time=now,
                subject=message.message_id,
                traceparent=traceparent,
            ),
        )

    def _ended(self, received: Received[MessageAccepted], kind: FactKind, code: Reason, now: datetime) -> Output:
        message_id = received.event.message_id
        self._unrouted.labels(code).inc()
        return self._write(
            topics.FACTS,
            partition_of(message_id, self._partitions),
            self._fact(received, kind, code, now),
            event_id=f"{message_id}:router:{kind}",
            time=now,
            subject=message_id,
            traceparent=header(received.record, envelope.TRACEPARENT),
        )

    @staticmethod
    def _fact(
        received: Received[MessageAccepted],
        kind: FactKind,
        code: Reason | None,
        now: datetime,
        *,
        operator: str | None = None,
        route_id: str | None = None,
    ) -> PartFact:
        message = received.event
        return PartFact(
            message_id=message.message_id,
            account_id=message.account_id,
            kind=kind,
            at=now,
            category=message.category,
            parts=message.parts,
            cause=envelope.event_id(received.record),
            country=message.country,
            code=code,
            operator=operator,
            route_id=route_id,
            test=message.test,
        )
