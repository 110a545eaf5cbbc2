"""The role `strex` without Kafka: the real rows, the simulated Strex, a broker that obeys.

`Life` is what one process would hold. It can be killed at any step, and another can take over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count

import msgspec
from prometheus_client import CollectorRegistry

from services.dispatch.strex.asking import Asking
from services.dispatch.strex.bodies import Request
from services.dispatch.strex.callbacks import PATH, Callbacks
from services.dispatch.strex.client import Answer, StrexClient
from services.dispatch.strex.metrics import StrexMetrics
from services.dispatch.strex.ordering import Ordering, Patience
from services.dispatch.strex.row import ANEW, Row
from services.dispatch.strex.server_keys import ServerKeys
from services.dispatch.strex.store import PremiumStore
from services.dispatch.strex.telling import Teller
from services.dispatch.strex.watching import Watcher
from shared.clock import SystemClock
from shared.contracts import codec
from shared.contracts.premium import OneTimePasswordChanged, PremiumChanged, PremiumOrdered
from shared.errors import TryLater
from shared.http import HttpServer
from shared.ids import AccountId
from shared.kafka.at_least_once import Finishing
from shared.kafka.record import Received
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import Database
from shared.strex.agreements import Agreements
from shared.tasks import end
from tests.integration.dispatch.rig import Broker
from tests.integration.strex.peers import Simulator
from tests.support import wait_until
from tests.unit.dispatch.building import PARTITIONS, record_of
from tests.unit.dispatch.strex.orders import AGREEMENT

_owners = count()
AGREED = Agreements([AGREEMENT, msgspec.structs.replace(AGREEMENT, account=AccountId("other"))])


class Killed(BaseException):
    """The process ends here."""


class Steps:
    """Ends a process at a step, the first time it comes by, or loses an answer of the database there."""

    def __init__(self) -> None:
        self.kill_at: str | None = None
        self.lose_at: str | None = None

    def reach(self, step: str) -> None:
        if step == self.kill_at:
            self.kill_at = None
            raise Killed
        if step == self.lose_at:
            self.lose_at = None
            raise TryLater("mongodb_unreachable", "lost on purpose")


class SteppedStore(PremiumStore):
    def __init__(self, database: Database, steps: Steps) -> None:
        super().__init__(database)
        self._steps = steps

    async def insert(self, row: Row) -> bool:
        self._steps.reach("before the row")
        inserted = await super().insert(row)
        self._steps.reach("after the row")
        return inserted

    async def move(self, before: Row, after: Row) -> bool:
        self._steps.reach("before the outcome")
        moved = await super().move(before, after)
        self._steps.reach("after the outcome")
        return moved

    async def told(self, rows: Sequence[Row]) -> None:
        self._steps.reach("after the event")
        await super().told(rows)


class SteppedClient(StrexClient):
    steps: Steps

    async def ask(self, request: Request) -> Answer:
        self.steps.reach("before the call")
        answer = await super().ask(request)
        self.steps.reach("after the call")
        return answer


class Life:
    """One process. `broker` keeps what was told, also by lives before it when it is theirs."""

    def __init__(
        self,
        database: Database,
        simulator: Simulator,
        sealer: Sealer,
        pseudonyms: Pseudonyms,
        *,
        broker: Broker | None = None,
        seconds: float = 2.0,
        gone: float = 1.0,
        patience: float = 0.1,
        kill_at: str | None = None,
        anew: Sequence[int] = ANEW,
        agreements: Agreements = AGREED,
    ) -> None:
        clock = SystemClock()
        self.simulator = simulator
        self.steps = Steps()
        self.steps.kill_at = kill_at
        self.broker = broker or Broker()
        self.finished: list[str] = []
        self.agreements = agreements
        self.store = SteppedStore(database, self.steps)
        metrics = self.metrics = StrexMetrics(CollectorRegistry())
        self.client = SteppedClient(
            simulator.url,
            simulator.key,
            "test",
            clock,
            iter(map(str, count(next(_owners) * 10**6))).__next__,
            seconds=seconds,
            connections=32,
        )
        self.client.steps = self.steps
        teller = Teller(self.store, self.broker.send, PARTITIONS)
        asking = self.asking = Asking(
            store=self.store,
            client=self.client,
            teller=teller,
            metrics=metrics,
            clock=clock,
            gone=timedelta(seconds=gone),
        )
        self.watcher = Watcher(
            store=self.store,
            client=self.client,
            teller=teller,
            asking=asking,
            metrics=metrics,
            clock=clock,
            gone=timedelta(seconds=gone),
            at_once=32,
            anew=anew,
            every=0.02,
            untold_after=0.2,
        )
        self._sealer = sealer
        self._pseudonyms = pseudonyms
        self._metrics = metrics
        self._patience = Patience(
            answer=timedelta(seconds=patience), gone=timedelta(seconds=gone), order=timedelta(hours=1)
        )
        self._teller = teller
        self._clock = clock
        self.reports: HttpServer | None = None
        self.ordering: Ordering

    @property
    def url(self) -> str:
        assert self.reports is not None
        return f"http://127.0.0.1:{self.reports.port}{PATH}"

    async def start(self) -> None:
        await self.store.prepare()
        await self.client.start()
        await self.watcher.start()
        holder: dict[str, Callbacks] = {}

        async def app(scope: object, receive: object, send: object) -> None:
            await holder["callbacks"].app()(scope, receive, send)  # type: ignore[arg-type]

        self.reports = HttpServer("reports", app, "127.0.0.1", 0, setting="port")
        await self.reports.start()
        holder["callbacks"] = Callbacks(
            url=self.url,
            store=self.store,
            keys=ServerKeys(self.client.server_key, self._clock),
            metrics=self._metrics,
            clock=self._clock,
            on_due=self.watcher.wake,
        )
        self.ordering = Ordering(
            store=self.store,
            client=self.client,
            teller=self._teller,
            asking=self.asking,
            sealer=self._sealer,
            pseudonyms=self._pseudonyms,
            metrics=self._metrics,
            clock=self._clock,
            patience=self._patience,
            owner=f"owner {next(_owners)}",
            report_url=self.url,
            agreements=self.agreements,
            at_once=32,
            on_taken=self.watcher.wake,
        )

    async def stop(self) -> None:
        await self.watcher.stop(1.0)
        await self.client.stop(1.0)
        if self.reports is not None:
            await self.reports.stop(1.0)
            self.reports = None

    async def die(self) -> None:
        """As by kill -9: what was under way is not ended, nothing is written any more."""
        task = self.watcher._task
        if task is not None:
            await end(task, *self.watcher._looking.values())
        await self.stop()

    async def handle(self, *orders: Received[PremiumOrdered]) -> None:
        await self.ordering(orders, Told(self))

    async def handle_patiently(self, *orders: Received[PremiumOrdered]) -> None:
        """As a stage does it: again, with what is not finished, while patience is asked for."""

        async def handled() -> bool:
            left = [order for order in orders if str(order.event.transaction_id) not in self.finished]
            try:
                await self.handle(*left)
            except TryLater:
                return False
            return True

        await wait_until(handled)

    def events(self, transaction_id: str) -> list[PremiumChanged]:
        """What was told of a transaction, in its order, repeats left out."""
        found = {
            event.sequence: event
            for event in self._told()
            if isinstance(event, PremiumChanged) and event.transaction_id == transaction_id
        }
        return [found[sequence] for sequence in sorted(found)]

    def passwords(self, transaction_id: str) -> list[OneTimePasswordChanged]:
        return [
            event
            for event in self._told()
            if isinstance(event, OneTimePasswordChanged) and event.transaction_id == transaction_id
        ]

    async def until(self, transaction_id: str, *statuses: str, deadline: float = 60.0) -> PremiumChanged:
        """Wait until the last that was told has one of these statuses."""

        def reached() -> bool:
            events = self.events(transaction_id)
            return bool(events) and events[-1].status in statuses

        await wait_until(reached, deadline, waiting_for=f"one of {statuses}")
        return self.events(transaction_id)[-1]

    def ordered(self, outcome: str, kind: str = "charge") -> float:
        """How many orders came to this."""
        return self.metrics.orders.labels(kind, outcome)._value.get()

    def unreadable(self) -> float:
        """How many rows were set aside."""
        return self.metrics.unreadable._value.get()

    def watched(self, outcome: str) -> float:
        """How many looks came to this."""
        return self.metrics.looks.labels(outcome)._value.get()

    def _told(self) -> list[object]:
        return [codec.read(record_of(output)) for output in self.broker.outputs]


class Told(Finishing[PremiumOrdered]):
    """Keeps what is finished."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def __call__(self, received: Received[PremiumOrdered]) -> None:
        self._life.finished.append(received.event.transaction_id)

    @property
    def closing(self) -> bool:
        return False


def story(events: Sequence[PremiumChanged]) -> list[str]:
    """Statuses with what they say of money."""
    return [f"{event.status}:{event.billed}" for event in events]


def asked(simulator: Simulator) -> dict[str, int]:
    """How often each id was posted."""
    return {one.id: one.posts for one in simulator.strex.ledger.transactions.values()}


def told_once(life: Life) -> set[str]:
    """Ids of all that was told. What was told again must be the same to the last octet."""
    bodies: dict[str, bytes | None] = {}
    for name, output in zip(life.broker.ids(), life.broker.outputs, strict=True):
        assert bodies.setdefault(name, output.value) == output.value
    return set(bodies)


def struct_text(value: object) -> str:
    """Everything that a value says."""
    return msgspec.json.encode(value).decode()
