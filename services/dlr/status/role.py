"""The role `status`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from services.dlr.clients.pairs import Pairs
from services.dlr.settings import StatusSettings
from services.dlr.status.eager import Eager
from services.dlr.status.heard import Ear
from services.dlr.status.holding import Holding
from services.dlr.status.matching import Matching
from services.dlr.status.metrics import StatusMetrics
from services.dlr.status.orphans import Adopter
from services.dlr.status.parked import ParkedReceipts
from services.dlr.status.status import Status
from services.dlr.status.store import DATABASE, MessageStore
from services.dlr.status.tell import SOURCE, EventWriter
from services.dlr.webhooks.endpoints.store import EndpointStore
from shared.contracts import topics
from shared.contracts.states import PASSING
from shared.contracts.words import Lane
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.partition_counts import PartitionCounts
from shared.kafka.sending import Sender
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

GROUP = "dlr.status"
_PAIRS_SECONDS = 10.0
_COMMIT_SECONDS = 1.0
_REST_SECONDS = 0.05
"""What comes waits for at least as long anyway (`holding`)."""
TOPICS = (*(topics.requests(lane) for lane in Lane), topics.FACTS, topics.RECEIPTS)


def build_status(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start. One group over all topics, assigned by range: whoever has
    a partition of one topic has the same of the others, and so all that is said of a message.
    """
    settings = load(StatusSettings)
    partitions = settings.message_partitions
    connection = settings.cluster(GROUP)
    keys = FileKeyStore(settings.key_store)
    sealer = Sealer(keys, context.clock)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE, repeat_writes=False)
    store = MessageStore(mongo)
    parked = ParkedReceipts(mongo)
    metrics = StatusMetrics(context.registry)
    counts = PartitionCounts(connection=connection)
    pairs = Pairs(counts, context.clock, ttl=_PAIRS_SECONDS)
    eager = Eager(partial(EndpointStore(mongo).wanting, states=PASSING), pairs.of, context.clock)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    status = Status(
        store=store,
        send=sender.send,
        events=EventWriter(partitions),
        matching=Matching(store, parked, Adopter(SOURCE, sealer, partitions), metrics, context.clock, GROUP),
        eager=eager,
        metrics=metrics,
        recent=settings.status_remembers,
    )
    holding = Holding(status, context.clock, most=settings.status_batch)
    runner = AtLeastOnceRunner(
        connection=connection,
        group=GROUP,
        topics=TOPICS,
        decode=Ear(sealer, Pseudonyms(keys)),
        handle=holding,
        dead_letter_topic=topics.dead_letters,
        max_batch=settings.status_batch,
        commit_interval=_COMMIT_SECONDS,
        rest=_REST_SECONDS,
        requires={topics.EVENTS: partitions, topics.RECEIPTS: partitions},
        partition_assignment="range",
        clock=context.clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    return [
        mongo,
        Prepare("message log indexes", store.prepare),
        Prepare("parked receipts indexes", parked.prepare),
        counts,
        Prepare("right to look for client systems' topics", pairs.prepare),
        sender,
        holding,
        runner,
    ]
