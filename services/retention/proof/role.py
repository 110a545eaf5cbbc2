"""The role `proof`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from services.retention.database import DATABASE
from services.retention.proof.chain import Chain
from services.retention.proof.metrics import ProofMetrics
from services.retention.proof.proving import Proving, read_answer
from services.retention.settings import ProofSettings
from services.retention.store import RetentionStore
from shared.contracts import topics
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

GROUP: Final = "retention.proof"


def build_proof(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(ProofSettings)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    store, chain = RetentionStore(mongo), Chain(mongo)
    proving = Proving(
        store,
        chain,
        FileKeyStore(settings.key_store),
        context.clock,
        ProofMetrics(context.registry),
        overdue=timedelta(hours=settings.retention_overdue_hours),
    )
    runner = AtLeastOnceRunner(
        connection=settings.cluster(GROUP),
        group=GROUP,
        topics=[topics.PRIVACY_RECEIPTS],
        decode=read_answer,
        handle=proving,
        dead_letter_topic=topics.dead_letters,
        clock=context.clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    return [mongo, Prepare("retention indexes", store.prepare), Prepare("proof index", chain.prepare), proving, runner]
