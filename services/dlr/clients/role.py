"""The role `relay`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.dlr.clients.pairs import Pairs
from services.dlr.clients.relay import Relay
from services.dlr.clients.whose import whose
from services.dlr.settings import RelaySettings
from shared.contracts import topics
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.partition_counts import PartitionCounts
from shared.kafka.sending import Sender
from shared.lifecycle import Component
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load

GROUP: Final = "dlr.relay"

_COMMIT_SECONDS: Final = 1.0
"""A commit costs as much as some twenty records; what is told again after a crash has the same ids."""


def build_relay(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(RelaySettings)
    connection = settings.cluster(GROUP)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    counts = PartitionCounts(connection=connection)
    relay = Relay(
        Pairs(counts, context.clock),
        sender.send,
        Sealer(FileKeyStore(settings.key_store), context.clock),
    )
    runner = AtLeastOnceRunner(
        connection=connection,
        group=GROUP,
        topics=[topics.EVENTS, topics.INBOUND_EVENTS],
        decode=whose,
        handle=relay,
        dead_letter_topic=topics.dead_letters,
        per_partition=True,
        commit_interval=_COMMIT_SECONDS,
        clock=context.clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    return [sender, counts, runner]
