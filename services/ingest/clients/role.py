"""The role `clients`: its parts put together."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from typing import Final

from services.ingest.accounts.store import DATABASE
from services.ingest.clients.accounts import ToldAccounts, read_account
from services.ingest.clients.choosing import Clients
from services.ingest.clients.holding import HeldShares
from services.ingest.clients.leases import ShareLeases
from services.ingest.clients.metrics import ClientMetrics
from services.ingest.clients.naming import Naming
from services.ingest.clients.taking import SOURCE, TakeOver
from services.ingest.idempotency.claims import Claims
from services.ingest.idempotency.metrics import IdempotencyMetrics
from services.ingest.idempotency.store import ClaimStore
from services.ingest.limits.limiter import Limiter
from services.ingest.limits.metrics import LimitMetrics
from services.ingest.limits.shared import SharedBuckets
from services.ingest.settings import ClientsSettings
from shared.contracts.codec import Writer
from shared.contracts.topics import ACCOUNTS, requests
from shared.contracts.words import Lane
from shared.kafka.chosen import ChosenRunner
from shared.kafka.partition_counts import PartitionCounts
from shared.kafka.sending import Sender
from shared.kafka.whole import WholeTopics
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore
from shared.stores.valkey import ValkeyStore

GROUP: Final = "ingest.clients"


def build_clients(context: Context) -> Sequence[Component]:
    """The components of the role, in the order of their start: who reads comes last, and stops first."""
    settings = load(ClientsSettings)
    clock = context.clock
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    valkey = ValkeyStore(settings.valkey.get_secret_value(), needed=False)

    def sender(name: str) -> Sender:
        connection = settings.cluster(f"{GROUP}.{name}")
        return Sender(connection=connection, clock=clock, metrics=context.kafka_metrics)

    senders = {lane: sender(lane) for lane in Lane}
    answers = sender("answers")
    sealer = Sealer(FileKeyStore(settings.key_store), clock)
    rows = ClaimStore(mongo.database)
    claims = Claims(rows, sealer, clock, IdempotencyMetrics(context.registry))
    connection = settings.cluster(GROUP)
    metrics = ClientMetrics(context.registry)
    accounts = ToldAccounts()
    reader = WholeTopics(
        connection=settings.cluster(f"{GROUP}.accounts"),
        name=f"{GROUP}.accounts",
        topics=[ACCOUNTS],
        decode=read_account,
        apply=accounts.apply,
        clock=clock,
        metrics=context.kafka_metrics,
    )
    leases = ShareLeases(mongo.database, f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}")
    shares = HeldShares(leases, clock, metrics)
    counts = PartitionCounts(connection=connection)
    clients = Clients(accounts, reader.up_to_date, shares, counts, clock)
    limiter = Limiter(
        SharedBuckets(valkey),
        clock,
        LimitMetrics(context.registry),
        default=settings.rates,
        processes=settings.api_processes,
    )
    take_over = TakeOver(
        clients,
        limiter,
        Naming(rows, claims, sealer, clock),
        {lane: one.send for lane, one in senders.items()},
        answers.send,
        sealer=sealer,
        writer=Writer(SOURCE),
        partitions=settings.message_partitions,
        metrics=metrics,
    )
    runner = ChosenRunner(
        connection=connection,
        group=GROUP,
        choice=clients,
        handle=take_over,
        requires=dict.fromkeys([requests(lane) for lane in Lane], settings.message_partitions),
        clock=clock,
        metrics=context.kafka_metrics,
        max_batch=settings.clients_batch,
        random=context.random,
    )
    return [
        mongo,
        valkey,
        Prepare("idempotency indexes", rows.prepare),
        Prepare("client shares' rows", leases.prepare),
        *senders.values(),
        answers,
        reader,
        counts,
        shares,
        runner,
    ]
