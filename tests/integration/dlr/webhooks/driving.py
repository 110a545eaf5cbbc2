"""The role without a broker: events in, as the kit would hand them over, on a real database, Valkey and sockets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random

from prometheus_client import CollectorRegistry

from services.dlr.webhooks.api.bodies import NewEndpoint
from services.dlr.webhooks.api.management import Management
from services.dlr.webhooks.client.client import Client, ClientSettings
from services.dlr.webhooks.client.resolving import Resolver
from services.dlr.webhooks.delivery.courier import Courier
from services.dlr.webhooks.delivery.delivery import Delivery
from services.dlr.webhooks.delivery.history import History
from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.delivery.parking import Parking
from services.dlr.webhooks.delivery.store import DeliveryStore
from services.dlr.webhooks.delivery.sweeper import Sweeper
from services.dlr.webhooks.delivery.switching import Switchboard
from services.dlr.webhooks.delivery.told import Input, hear
from services.dlr.webhooks.delivery.webhooks import Webhooks
from services.dlr.webhooks.endpoints.endpoint import Endpoint
from services.dlr.webhooks.endpoints.occasion import Occasion
from services.dlr.webhooks.endpoints.secrets import Secrets
from services.dlr.webhooks.endpoints.store import EndpointStore
from services.dlr.webhooks.endpoints.view import EndpointView
from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import MessageCorrected, MessageStatusChanged, PassedState
from shared.contracts.states import State
from shared.contracts.words import ReceiptState
from shared.ids import AccountId, MessageId, partition_of
from shared.kafka.record import Output, Received, Record
from shared.lifecycle import Component
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from tests.integration.dlr.driving import NUMBER, PARTITIONS, landed
from tests.unit.dlr.building import ACCOUNT, START

_write = Writer("/budstikke/test/test").output

FAST = ClientSettings(connect=0.5, response=0.3, total=0.6)


class ShiftedClock(SystemClock):
    """The machine's clock, some time ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """Wall time."""
        return super().now() + self.ahead

    def monotonic(self) -> float:
        """Monotonic time."""
        return super().monotonic() + self.ahead.total_seconds()


class Telling:
    """One process of the role."""

    def __init__(
        self,
        mongo: MongoStore,
        valkey: str,
        sealer: Sealer,
        clock: ShiftedClock,
        *,
        client: ClientSettings = FAST,
        backlog: int = 8_000,
        ttl: float = 0.0,
    ) -> None:
        self.registry = CollectorRegistry()
        self.clock = clock
        self.sealer = sealer
        metrics = WebhookMetrics(self.registry)
        random = Random(7)
        self.endpoints, self.deliveries = EndpointStore(mongo), DeliveryStore(mongo)
        secrets = Secrets(sealer, random.randbytes)
        self.view = EndpointView(self.endpoints, secrets, clock, private=True, ttl=ttl)
        self.client = Client(Resolver(clock, private=True), clock, client)
        self.courier = Courier(self.client.post, clock, metrics, backlog=backlog)
        self.parking = Parking(self.deliveries.write, random)
        self.history = History(valkey, metrics)
        self.switchboard = Switchboard(self.endpoints, metrics)
        self.management = Management(self.endpoints, secrets, self.client, clock, Random().randbytes, private=True)
        self.webhooks = Webhooks(
            view=self.view,
            courier=self.courier,
            parking=self.parking,
            history=self.history,
            switchboard=self.switchboard,
            sealer=sealer,
            metrics=metrics,
            clock=clock,
            random=random,
        )
        self.sweeper = Sweeper(
            store=self.deliveries,
            view=self.view,
            courier=self.courier,
            parking=self.parking,
            history=self.history,
            switchboard=self.switchboard,
            sealer=sealer,
            metrics=metrics,
            clock=clock,
            random=random,
        )
        self.finished: list[Record] = []
        self._components: list[Component] = [self.history, self.parking, self.client, self.courier]

    async def start(self) -> None:
        """All but the loops that look by themselves: a test sweeps and flushes."""
        await self.endpoints.prepare()
        await self.deliveries.prepare()
        for component in self._components:
            await component.start()

    async def stop(self) -> None:
        """In reverse."""
        for component in reversed(self._components):
            await component.stop(1.0)

    async def handle(self, records: Iterable[Record]) -> None:
        """Hand a batch over; `finished` grows as records finish."""
        batch = [Received[Input](record, hear(record)) for record in records]
        await self.webhooks(batch, lambda received: self.finished.append(received.record))

    async def endpoint(self, url: str, *, account: AccountId = ACCOUNT, states: list[State] | None = None) -> Endpoint:
        """A new endpoint."""
        endpoint, _ = await self.management.create(
            account, NewEndpoint(url, None if states is None else [*map(Occasion, states)]), None
        )
        return endpoint

    async def kept(self, endpoint: Endpoint) -> list[Delivery]:
        """What lies in the database of an endpoint."""
        return await self.deliveries.of_endpoint(endpoint.account_id, endpoint.id, None, 1000)

    def metric(self, name: str, **labels: str) -> float:
        """A sample; 0 when there is none."""
        return self.registry.get_sample_value(name, labels) or 0.0


def changed(
    sealer: Sealer,
    message_id: MessageId,
    state: State = State.DELIVERED,
    *,
    account: AccountId = ACCOUNT,
    url: str | None = None,
    passed: tuple[PassedState, ...] = (),
) -> Output:
    """An event as `dlr.status` writes it."""
    event = MessageStatusChanged(
        message_id=message_id,
        account_id=account,
        to=sealer.seal(account, message_id, "to", NUMBER, START),
        state=state,
        sequence=4,
        at=START,
        reference="order 7",
        callback_url=url,
        passed=passed,
    )
    partition = partition_of(message_id, PARTITIONS)
    return _write(topics.EVENTS, partition, event, event_id=f"{message_id}:4", time=START, subject=message_id)


def corrected(message_id: MessageId, state: State) -> Output:
    """A late receipt says that the message arrived after all."""
    event = MessageCorrected(
        message_id=message_id,
        account_id=ACCOUNT,
        state=state,
        sequence=5,
        at=START,
        part=1,
        receipt_state=ReceiptState.DELIVERED,
    )
    partition = partition_of(message_id, PARTITIONS)
    return _write(topics.EVENTS, partition, event, event_id=f"{message_id}:5", time=START, subject=message_id)


def record(output: Output) -> Record:
    """The same as it comes from the topic."""
    return landed(output)
