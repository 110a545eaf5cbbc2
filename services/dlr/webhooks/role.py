"""The role `webhooks`, and what of it the role `api` answers for: their parts put together."""

from __future__ import annotations

import resource
import secrets
from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

from starlette.routing import Route

from services.dlr.settings import ApiSettings, WebhookSettings
from services.dlr.status.store import DATABASE
from services.dlr.webhooks.api.management import Management
from services.dlr.webhooks.api.routes import WebhookRoutes
from services.dlr.webhooks.client.client import Client, ClientSettings
from services.dlr.webhooks.client.resolving import Resolver
from services.dlr.webhooks.delivery.courier import Courier
from services.dlr.webhooks.delivery.history import History
from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.delivery.parking import Parking
from services.dlr.webhooks.delivery.store import DeliveryStore
from services.dlr.webhooks.delivery.sweeper import Sweeper
from services.dlr.webhooks.delivery.switching import Switchboard
from services.dlr.webhooks.delivery.told import hear
from services.dlr.webhooks.delivery.webhooks import Webhooks
from services.dlr.webhooks.endpoints.secrets import Secrets
from services.dlr.webhooks.endpoints.store import EndpointStore
from services.dlr.webhooks.endpoints.view import EndpointView
from shared.contracts import topics
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

GROUP: Final = "dlr.webhooks"

_OTHER_FILES: Final = 256


def build_webhooks(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start: what takes work in comes last, and stops first."""
    settings = load(WebhookSettings)
    clock = context.clock
    random = Random(context.random.getrandbits(128))
    metrics = WebhookMetrics(context.registry)
    sealer = Sealer(FileKeyStore(settings.key_store), clock)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    endpoints, deliveries = EndpointStore(mongo), DeliveryStore(mongo)
    view = EndpointView(endpoints, Secrets(sealer, secrets.token_bytes), clock, private=settings.webhook_private)
    client = Client(
        Resolver(clock, private=settings.webhook_private),
        clock,
        ClientSettings(connections=_connections(settings.webhook_connections)),
    )
    courier = Courier(
        client.post, clock, metrics, in_flight=settings.webhook_in_flight, backlog=settings.webhook_backlog
    )
    parking = Parking(deliveries.write, random)
    history = History(settings.valkey.get_secret_value(), metrics)
    switchboard = Switchboard(endpoints, metrics)
    webhooks = Webhooks(
        view=view,
        courier=courier,
        parking=parking,
        history=history,
        switchboard=switchboard,
        sealer=sealer,
        metrics=metrics,
        clock=clock,
        random=random,
    )
    sweeper = Sweeper(
        store=deliveries,
        view=view,
        courier=courier,
        parking=parking,
        history=history,
        switchboard=switchboard,
        sealer=sealer,
        metrics=metrics,
        clock=clock,
        random=random,
    )
    runner = AtLeastOnceRunner(
        connection=settings.cluster(GROUP),
        group=GROUP,
        topics=[topics.EVENTS, topics.INBOUND_EVENTS],
        decode=hear,
        handle=webhooks,
        handle_timeout=None,
        dead_letter_topic=topics.dead_letters,
        max_unfinished=2 * settings.webhook_backlog,
        clock=clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    return [
        mongo,
        Prepare("webhook endpoint indexes", endpoints.prepare),
        Prepare("webhook delivery indexes", deliveries.prepare),
        history,
        parking,
        switchboard,
        client,
        courier,
        sweeper,
        runner,
    ]


class Managing(NamedTuple):
    """What the role `api` mounts and runs."""

    routes: list[Route]
    components: list[Component]


def build_management(context: Context, settings: ApiSettings, mongo: MongoStore, internal_secret: bytes) -> Managing:
    """Routes under `/internal/v1/webhooks`, and the components behind them beside the database."""
    clock = context.clock
    endpoints, deliveries = EndpointStore(mongo), DeliveryStore(mongo)
    sealer = Sealer(FileKeyStore(settings.key_store), clock)
    client = Client(Resolver(clock, private=settings.webhook_private), clock, ClientSettings(connections=64))
    history = History(settings.valkey.get_secret_value())
    management = Management(
        endpoints,
        Secrets(sealer, secrets.token_bytes),
        client,
        clock,
        secrets.token_bytes,
        private=settings.webhook_private,
    )
    routes = WebhookRoutes(management, endpoints, deliveries, history, internal_secret, clock)
    return Managing(
        routes.routes(),
        [
            Prepare("webhook endpoint indexes", endpoints.prepare),
            Prepare("webhook delivery indexes", deliveries.prepare),
            history,
            client,
        ],
    )


def _connections(wanted: int) -> int:
    """As many connections as the process may have files, after asking for as many as are wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + _OTHER_FILES:
        soft = min(wanted + _OTHER_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(min(wanted, soft - _OTHER_FILES), 1)
