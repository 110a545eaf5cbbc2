"""Wiring of the role `screening`: one transactional runner per lane."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.screening.screening import Screening, read_request
from services.ingest.settings import ScreeningSettings
from shared.contracts import topics
from shared.contracts.words import Lane
from shared.kafka.settings import KafkaSettings
from shared.kafka.transactional import TransactionalRunner
from shared.lifecycle import Component
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load

GROUP = "ingest.screening"


def build_screening(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(ScreeningSettings)
    keys = FileKeyStore(settings.key_store)
    screening = Screening(
        Sealer(keys, context.clock), Pseudonyms(keys), context.clock, settings.message_partitions, context.registry
    )
    return [
        TransactionalRunner(
            connection=KafkaSettings(bootstrap=settings.kafka, client_id=f"{GROUP}.{lane}"),
            group=f"{GROUP}.{lane}",
            topics=[topics.requests(lane)],
            decode=read_request,
            handle=screening,
            dead_letter_topic=topics.dead_letters,
            linger=topics.LINGER[lane],
            requires={
                topics.FACTS: settings.message_partitions,
                topics.accepted(lane): settings.message_partitions,
            },
            clock=context.clock,
            metrics=context.kafka_metrics,
            random=context.random,
        )
        for lane in Lane
    ]
