"""The role `inbound`, and what of it the role `api` answers for: their parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from starlette.routing import Route

from services.dlr.inbound.accounts import Accounts, read_account
from services.dlr.inbound.api.management import InboundManagement
from services.dlr.inbound.api.routes import InboundRoutes
from services.dlr.inbound.inbound import Inbound, read_received
from services.dlr.inbound.long_messages import LongMessages
from services.dlr.inbound.metrics import InboundMetrics
from services.dlr.inbound.outputs import Outputs
from services.dlr.inbound.parts_store import PartsStore
from services.dlr.inbound.refusing import Refusing
from services.dlr.inbound.store import InboundStore
from services.dlr.inbound.sweeper import Sweeper
from services.dlr.settings import ApiSettings, InboundSettings
from services.dlr.status.store import DATABASE
from shared.contracts import topics
from shared.contracts.words import LANE_OF, Category
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.sending import Sender
from shared.kafka.whole import WholeTopics
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore
from shared.strex import agreements

GROUP: Final = "dlr.inbound"


def build_inbound(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start: nobody is answered before every account is known."""
    settings = load(InboundSettings)
    clock, partitions = context.clock, settings.message_partitions
    connection = settings.cluster(GROUP)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    store = InboundStore(mongo)
    keys = FileKeyStore(settings.key_store)
    sealer, pseudonyms = Sealer(keys, clock), Pseudonyms(keys)
    sender = Sender(connection=connection, clock=clock, metrics=context.kafka_metrics)
    accounts = Accounts()
    parts = PartsStore(mongo)
    long_messages = LongMessages(parts, sealer, pseudonyms, clock, timedelta(seconds=settings.inbound_join_seconds))
    known = WholeTopics(
        connection=connection,
        name="accounts that answer",
        topics=[topics.ACCOUNTS],
        decode=read_account,
        apply=accounts.apply,
        clock=clock,
        metrics=context.kafka_metrics,
    )
    inbound = Inbound(
        store=store,
        send=sender.send,
        accounts=accounts,
        refusing=Refusing(store, sealer, pseudonyms),
        outputs=Outputs(sealer, partitions),
        long_messages=long_messages,
        sealer=sealer,
        pseudonyms=pseudonyms,
        clock=clock,
        metrics=InboundMetrics(context.registry),
    )
    runner = AtLeastOnceRunner(
        connection=connection,
        group=GROUP,
        topics=[topics.INBOUND],
        decode=read_received,
        handle=inbound,
        dead_letter_topic=topics.dead_letters,
        requires={
            **dict.fromkeys(
                (topics.INBOUND_EVENTS, topics.PREMIUM_ORDERS, topics.requests(LANE_OF[Category.TRANSACTIONAL])),
                partitions,
            ),
            topics.OPT_OUTS: 1,
        },
        clock=clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    return [
        mongo,
        Prepare("indexes of incoming messages", store.prepare),
        Prepare("indexes of long messages", parts.prepare),
        known,
        sender,
        runner,
        Sweeper(inbound, long_messages),
    ]


class Managing(NamedTuple):
    """What the role `api` mounts and runs."""

    routes: list[Route]
    components: list[Component]


def build_inbound_management(
    context: Context, settings: ApiSettings, mongo: MongoStore, internal_secret: bytes
) -> Managing:
    """Routes for incoming messages, keywords and opt-outs, and the components behind them beside the database."""
    clock = context.clock
    store = InboundStore(mongo)
    keys = FileKeyStore(settings.key_store)
    sealer = Sealer(keys, clock)
    sender = Sender(
        connection=settings.cluster("dlr.api"),
        clock=clock,
        metrics=context.kafka_metrics,
    )
    management = InboundManagement(
        store,
        Refusing(store, sealer, Pseudonyms(keys)),
        agreements.load(settings.premium_agreements),
        sender.send,
        clock,
    )
    routes = InboundRoutes(management, store, sealer, internal_secret, clock)
    return Managing(routes.routes(), [Prepare("indexes of incoming messages", store.prepare), sender])
