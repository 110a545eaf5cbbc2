"""A sweeper on the real ledger, with a broker that obeys and receipts that a test names; and a router for returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from services.dispatch.operators.config import Route
from services.dispatch.operators.links import Links
from services.dispatch.operators.routes import RouteTable
from services.dispatch.router.metrics import RouterMetrics
from services.dispatch.router.router import ReturnRouter, read_returned
from services.dispatch.sender.ledger import AttemptKey
from services.dispatch.sweeper.metrics import SweeperMetrics
from services.dispatch.sweeper.sweeper import Sweeper
from services.dispatch.unknowns.store import Unknown, UnknownStore
from shared.contracts import codec
from shared.contracts.events import DispatchOrdered, DispatchReturned, OperatorReceipt
from shared.errors import TryLater
from shared.kafka.record import Output, Received
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import Database
from tests.integration.dispatch.rig import Broker, PushedClock, WatchedLedger
from tests.unit.dispatch.building import PARTITIONS, link_news, record_of


class PushedUnknowns(UnknownStore):
    """The real store; the time of its database is pushed."""

    pushed = 0.0

    async def now(self) -> datetime:
        return await super().now() + timedelta(seconds=self.pushed)


class Broom:
    """One process's sweeper. `dies_after` cuts it off behind a step: claim, close or tell."""

    def __init__(self, database: Database, *, owner: str = "a", dies_after: str = "") -> None:
        self.registry = CollectorRegistry()
        self.broker = Broker()
        self.ledger = WatchedLedger(database, [])
        self.unknowns = PushedUnknowns(database)
        self.receipts: dict[AttemptKey, OperatorReceipt] = {}
        self._dies_after = dies_after
        if dies_after == "close":
            self.ledger.faults.lose["settle"] = 1
        self.sweeper = Sweeper(
            unknowns=self.unknowns,
            ledger=self.ledger,
            receipts=self._naming,
            send=self._send,
            partitions=PARTITIONS,
            owner=owner,
            metrics=SweeperMetrics(self.registry),
        )

    async def sweep(self, later: float = 0.0) -> int:
        """Sweep, so many seconds later than the last time."""
        self.unknowns.pushed += later
        return await self.sweeper.sweep()

    def returned(self) -> list[DispatchReturned]:
        return returns_of(self.broker)

    async def _naming(self, rows: Sequence[Unknown]) -> Mapping[AttemptKey, OperatorReceipt]:
        if self._dies_after == "claim":
            raise TryLater("kafka_unavailable", "dies on purpose")
        return {row.key: self.receipts[row.key] for row in rows if row.key in self.receipts}

    async def _send(self, outputs: Sequence[Output]) -> None:
        await self.broker.send(outputs)
        if self._dies_after == "tell":
            raise TryLater("kafka_unavailable", "dies on purpose")


def returns_of(broker: Broker) -> list[DispatchReturned]:
    return [event for event in broker.events if isinstance(event, DispatchReturned)]


async def route(
    sealer: Sealer, outputs: Sequence[Output], *up: str, later: float = 0.0
) -> list[Received[DispatchOrdered]]:
    """What the router makes of returns, with `fjord` before `tinde`, and these operators within reach."""
    clock = PushedClock()
    links = Links(clock, ("fjord", "tinde"))
    clock.pushed = 60.0 + later
    for operator in up:
        links.apply(*link_news(operator, clock.now()))
    table = RouteTable([Route("+47", "fjord"), Route("+47", "tinde")])
    router = ReturnRouter(table, links, sealer, clock, PARTITIONS, RouterMetrics(CollectorRegistry()))
    records = [record_of(output) for output in outputs if output.topic == "dispatch.returns"]
    routed = await router([Received(record, read_returned(record)) for record in records])
    orders = [(record_of(output), codec.read(record_of(output))) for output in routed]
    return [Received(record, event) for record, event in orders if isinstance(event, DispatchOrdered)]
