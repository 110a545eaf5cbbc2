"""The role `desk`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.ingest.accounts.store import DATABASE
from services.ingest.desk.metrics import DeskMetrics
from services.ingest.desk.releasing import Releasing
from services.ingest.desk.store import DeskStore
from services.ingest.desk.taking import TakeOver, read_waiting
from services.ingest.desk.watching import HoldWatch
from services.ingest.desk.writing import DeskWriter
from services.ingest.settings import DeskSettings
from shared.contracts import topics
from shared.contracts.words import Lane
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.sending import Sender
from shared.lifecycle import Component, Prepare
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

GROUP: Final = "ingest.desk"


def build_desk(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(DeskSettings)
    connection = settings.cluster(GROUP)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    store = DeskStore(mongo, claim=settings.desk_claim)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    written = (topics.FACTS, topics.HOLDS, *(topics.requests(lane) for lane in Lane))
    writer = DeskWriter(settings.message_partitions)
    releasing = Releasing(store, sender.send, writer, context.clock, every=settings.desk_seconds)
    runner = AtLeastOnceRunner(
        connection=connection,
        group=GROUP,
        topics=[topics.HOLDS, topics.SCHEDULED],
        decode=read_waiting,
        handle=TakeOver(store, releasing.hurry),
        dead_letter_topic=topics.dead_letters,
        requires=dict.fromkeys(written, settings.message_partitions),
        clock=context.clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    watch = HoldWatch(store, context.clock, DeskMetrics(context.registry))
    return [mongo, Prepare("desk indexes", store.prepare), sender, releasing, watch, runner]
