"""Wiring of the role `router`: one transactional runner per lane."""

from __future__ import annotations

from collections.abc import Sequence

from services.dispatch.operators import config
from services.dispatch.operators.routes import RouteTable
from services.dispatch.router.router import Router, read_accepted
from services.dispatch.settings import RouterSettings
from shared.contracts import topics
from shared.contracts.words import Lane
from shared.kafka.transactional import TransactionalRunner
from shared.lifecycle import Component
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load

GROUP = "dispatch.router"


def build_router(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(RouterSettings)
    operators = config.load(settings.operators)
    router = Router(
        RouteTable(operators.routes),
        Sealer(FileKeyStore(settings.key_store), context.clock),
        context.clock,
        settings.message_partitions,
        context.registry,
    )
    outputs = {topics.FACTS: settings.message_partitions}
    return [
        TransactionalRunner(
            connection=settings.cluster(f"{GROUP}.{lane}"),
            group=f"{GROUP}.{lane}",
            topics=[topics.accepted(lane)],
            decode=read_accepted,
            handle=router,
            dead_letter_topic=topics.dead_letters,
            linger=topics.LINGER[lane],
            requires=outputs
            | {
                topics.dispatch(operator, lane): settings.message_partitions
                for operator in (*operators.operators, topics.TEST_OPERATOR)
            },
            clock=context.clock,
            metrics=context.kafka_metrics,
            random=context.random,
        )
        for lane in Lane
    ]
