"""The role `privacy` of a service: its parts put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import Field, SecretStr

from shared.contracts import topics
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.sending import Sender
from shared.lifecycle import Component, Prepare
from shared.privacy.participant.holds import KnownHolds
from shared.privacy.participant.participant import Participant, read_order
from shared.privacy.participant.store import Store
from shared.privacy.participant.work import WorkStore
from shared.service import Context
from shared.settings import KafkaRoleSettings
from shared.stores.mongodb import Database, MongoStore


class ParticipantSettings(KafkaRoleSettings):
    """What the role `privacy` of every service is told."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    privacy_batch: int = Field(500, ge=1, le=5000, description="most rows that are forgotten in one transaction")
    privacy_pause: float = Field(0.05, ge=0.0, le=60, description="seconds between two such transactions")


def build_participant(
    context: Context,
    service: str,
    settings: ParticipantSettings,
    stores: Callable[[Database], Sequence[Store]],
) -> Sequence[Component]:
    """Components of the role, in the order of their start. The database is called as the service."""
    group = f"{service}.privacy"
    connection = settings.cluster(group)
    mongo = MongoStore(settings.mongodb.get_secret_value(), service)
    work, holds = WorkStore(mongo), KnownHolds(mongo)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    participant = Participant(
        service,
        stores(mongo.database),
        work,
        holds,
        sender.send,
        context.clock,
        batch=settings.privacy_batch,
        pause=settings.privacy_pause,
    )
    runner = AtLeastOnceRunner(
        connection=connection,
        group=group,
        topics=[topics.PRIVACY_ORDERS],
        decode=read_order,
        handle=participant,
        dead_letter_topic=topics.dead_letters,
        requires={topics.PRIVACY_RECEIPTS: 1},
        clock=context.clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    prepared = Prepare("index of orders to forget", work.prepare), Prepare("index of legal holds", holds.prepare)
    return [mongo, *prepared, sender, participant, runner]
