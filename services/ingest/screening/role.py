"""Wiring of the role `screening`: one transactional runner per lane, behind what all of them know and count."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from services.ingest.accounts.store import DATABASE, AccountStore
from services.ingest.screening.accepted_reader import AcceptedReader
from services.ingest.screening.counters import SharedCounters
from services.ingest.screening.counting import Tallies
from services.ingest.screening.epochs import SnapshotEpochs
from services.ingest.screening.known import TOPICS, Known, read_known
from services.ingest.screening.metrics import ScreeningMetrics
from services.ingest.screening.outputs import Outputs
from services.ingest.screening.screening import Screening, read_request
from services.ingest.screening.snapshots import SnapshotStore
from services.ingest.screening.snapshotting import Snapshots
from services.ingest.screening.telling import CountsRelay
from services.ingest.settings import ScreeningSettings
from shared.contracts import topics
from shared.contracts.words import Lane
from shared.kafka.sending import Sender
from shared.kafka.topics import partitions as partitions_of
from shared.kafka.transactional import TransactionalRunner
from shared.kafka.whole import WholeTopics
from shared.lifecycle import Component
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore
from shared.stores.valkey import ValkeyStore

GROUP: Final = "ingest.screening"


def build_screening(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start: nobody decides before everything is known."""
    settings = load(ScreeningSettings)
    clock, partitions = context.clock, settings.message_partitions
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    valkey = ValkeyStore(settings.valkey.get_secret_value())
    keys = FileKeyStore(settings.key_store)
    sealer, pseudonyms = Sealer(keys, clock), Pseudonyms(keys)
    connection = settings.cluster(GROUP)
    sender = Sender(connection=connection, clock=clock, metrics=context.kafka_metrics)
    tallies = Tallies()
    relay = CountsRelay(tallies, sender.send, partial(partitions_of, connection), clock)
    known = Known(AccountStore(mongo).account, pseudonyms)
    reader = AcceptedReader(connection, partitions)
    kept = SnapshotStore(mongo)
    epochs = SnapshotEpochs(valkey, kept, reader.since)
    screening = Screening(
        known,
        SharedCounters(valkey, epochs, remember=settings.screening_remembers),
        Outputs(sealer, pseudonyms, partitions),
        sealer,
        clock,
        tallies,
        ScreeningMetrics(context.registry),
        messages_per_month=settings.messages_per_month,
    )
    written = (topics.FACTS, topics.HOLDS, topics.SCHEDULED)
    runners = [
        TransactionalRunner(
            connection=settings.cluster(f"{GROUP}.{lane}"),
            group=f"{GROUP}.{lane}",
            topics=[topics.requests(lane)],
            decode=read_request,
            handle=screening,
            dead_letter_topic=topics.dead_letters,
            linger=topics.LINGER[lane],
            requires=dict.fromkeys((*written, topics.accepted(lane)), partitions),
            clock=clock,
            metrics=context.kafka_metrics,
            random=context.random,
        )
        for lane in Lane
    ]
    whole = WholeTopics(
        connection=connection,
        name="accounts, opt-outs and signals",
        topics=TOPICS,
        decode=read_known,
        apply=known.apply,
        clock=clock,
        metrics=context.kafka_metrics,
    )
    snapshots = Snapshots(valkey, kept, reader, clock, every=settings.snapshot_seconds)
    return [mongo, valkey, whole, snapshots, sender, relay, *runners]
