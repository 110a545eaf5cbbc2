"""The role `router`: accepted messages in, orders to operators and facts out, in one transaction per batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Generic

from services.dispatch.operators.config import Route
from services.dispatch.operators.links import Links
from services.dispatch.operators.routes import TEST, RouteTable
from services.dispatch.router.metrics import RouterMetrics
from services.dispatch.router.outputs import Outputs
from shared.clock import Clock
from shared.contracts.codec import only
from shared.contracts.codes import Reason
from shared.contracts.events import DispatchOrdered, DispatchReturned, MessageAccepted
from shared.contracts.words import FactKind
from shared.kafka.record import E, Output, Received
from shared.privacy.sealing import Erased, Sealer

read_accepted = partial(only, MessageAccepted)
read_returned = partial(only, DispatchReturned)


class _Routing(ABC, Generic[E]):
    """A handler that decides on each record by itself."""

    def __init__(
        self,
        routes: RouteTable,
        links: Links,
        sealer: Sealer,
        clock: Clock,
        partitions: int,
        metrics: RouterMetrics,
    ) -> None:
        self._routes = routes
        self._links = links
        self._sealer = sealer
        self._clock = clock
        self._outputs = Outputs(partitions)
        self._metrics = metrics
        self._routed: defaultdict[str, int] = defaultdict(int)

    async def __call__(self, batch: Sequence[Received[E]]) -> Sequence[Output]:
        """An order and a fact for each message or part, or facts alone."""
        now, up = self._clock.now(), self._links.hoped()
        self._routed.clear()
        outputs = [output for received in batch for output in self._route(received, up, now)]
        for route, count in self._routed.items():
            self._metrics.routed.labels(route).inc(count)
        return outputs

    @abstractmethod
    def _route(self, received: Received[E], up: Collection[str], now: datetime) -> Sequence[Output]: ...


class Router(_Routing[MessageAccepted]):
    """Routes one lane's messages. The fact `queued` is in the same transaction as the order it speaks of."""

    def _route(self, received: Received[MessageAccepted], up: Collection[str], now: datetime) -> Sequence[Output]:
        message = received.event
        found = way_of(message, self._sealer, now)
        if not isinstance(found, str):
            return self._ended(received, *found, now)
        route = TEST if message.test else self._routes.choose(found, up)
        if route is None:
            return self._ended(received, FactKind.FAILED, Reason.NO_ROUTE, now)
        self._routed[route.route_id] += 1
        order = DispatchOrdered(message=message, operator=route.operator, route_id=route.route_id, ordered_at=now)
        return self._outputs.ordered(received.record, order)

    def _ended(
        self, received: Received[MessageAccepted], kind: FactKind, code: Reason, now: datetime
    ) -> Sequence[Output]:
        self._metrics.unrouted.labels(code).inc()
        return self._outputs.ended(received.record, received.event, kind, code, now)


class ReturnRouter(_Routing[DispatchReturned]):
    """Routes what came back from a sender or from the sweeper, of all lanes, as the attempt that it names.

    An operator within reach that was not tried goes first. What has to stay goes back to where it was, and so does what
    is overdue, erased or without a route: a return may be told twice, and the attempt of its first copy be taken by
    now. A sender ends it, for he asks the ledger. Only without an operator to go back to it ends here.
    """

    def _route(self, received: Received[DispatchReturned], up: Collection[str], now: datetime) -> Sequence[Output]:
        returned, message = received.event, received.event.message
        found = way_of(message, self._sealer, now)
        route = (self._best(returned, found, up) if isinstance(found, str) else None) or self._back(returned)
        if route is None:
            end = (FactKind.FAILED, Reason.NO_ROUTE) if isinstance(found, str) else found
            return self._ended(received, *end, now)
        self._metrics.rerouted.labels(route.route_id, returned.why).inc()
        order = DispatchOrdered(
            message=message,
            operator=route.operator,
            route_id=route.route_id,
            ordered_at=now,
            attempt=returned.attempt,
            parts=returned.parts,
            tried=returned.tried,
            stay=returned.stay,
            again=returned.again,
        )
        return self._outputs.ordered(received.record, order)

    def _best(self, returned: DispatchReturned, number: str, up: Collection[str]) -> Route | None:
        if returned.message.test:
            return TEST
        if returned.stay:
            return self._routes.route_to(number, returned.operator)
        return self._routes.choose(number, up, returned.tried)

    def _back(self, returned: DispatchReturned) -> Route | None:
        """To where it came from, if that is still in the operators file: nobody reads the topic of another."""
        if returned.operator not in {*self._links.operators, TEST.operator}:
            return None
        return Route(prefix="+", operator=returned.operator, id=returned.route_id)

    def _ended(
        self, received: Received[DispatchReturned], kind: FactKind, code: Reason, now: datetime
    ) -> Sequence[Output]:
        returned = received.event
        self._metrics.unrouted.labels(code).inc()
        return self._outputs.ended(
            received.record, returned.message, kind, code, now, attempt=returned.attempt, parts=returned.parts
        )


def way_of(message: MessageAccepted, sealer: Sealer, now: datetime) -> str | tuple[FactKind, Reason]:
    """The number that a message goes to, or how it ends here."""
    if message.valid_until <= now:
        return FactKind.EXPIRED, Reason.VALIDITY_OVER
    number = sealer.open(message.account_id, message.message_id, "to", message.to)
    if isinstance(number, Erased):
        return FactKind.REJECTED, Reason.ERASED
    return number
