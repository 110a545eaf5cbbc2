"""Wiring of the role `router`: one transactional runner per lane, and one for what came back."""

from __future__ import annotations

from collections.abc import Sequence

from services.dispatch.operators import config
from services.dispatch.operators.links import Links, read_link
from services.dispatch.operators.routes import RouteTable
from services.dispatch.router.metrics import RouterMetrics
from services.dispatch.router.router import ReturnRouter, Router, read_accepted, read_returned
from services.dispatch.settings import RouterSettings
from shared.contracts import topics
from shared.contracts.words import Lane
from shared.kafka.transactional import TransactionalRunner
from shared.kafka.whole import WholeTopics
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
    clock, partitions = context.clock, settings.message_partitions
    routes, links = RouteTable(operators.routes), Links(clock, operators.operators)
    sealer, metrics = Sealer(FileKeyStore(settings.key_store), clock), RouterMetrics(context.registry)
    router = Router(routes, links, sealer, clock, partitions, metrics)
    returns = ReturnRouter(routes, links, sealer, clock, partitions, metrics)
    names = (*operators.operators, topics.TEST_OPERATOR)
    written = {lane: dict.fromkeys([topics.dispatch(name, lane) for name in names], partitions) for lane in Lane}
    facts = {topics.FACTS: partitions}
    everything = facts | {topic: count for counts in written.values() for topic, count in counts.items()}
    return [
        WholeTopics(
            connection=settings.cluster(f"{GROUP}.links"),
            name="links of operators",
            topics=[topics.LINKS],
            decode=read_link,
            apply=links.apply,
            clock=clock,
            metrics=context.kafka_metrics,
            requires=everything | dict.fromkeys([topics.RETURNS, *map(topics.accepted, Lane)], 1),
        ),
        *(
            TransactionalRunner(
                connection=settings.cluster(f"{GROUP}.{lane}"),
                group=f"{GROUP}.{lane}",
                topics=[topics.accepted(lane)],
                decode=read_accepted,
                handle=router,
                dead_letter_topic=topics.dead_letters,
                linger=topics.LINGER[lane],
                requires=facts | written[lane],
                clock=clock,
                metrics=context.kafka_metrics,
                random=context.random,
            )
            for lane in Lane
        ),
        TransactionalRunner(
            connection=settings.cluster(f"{GROUP}.returns"),
            group=f"{GROUP}.returns",
            topics=[topics.RETURNS],
            decode=read_returned,
            handle=returns,
            dead_letter_topic=topics.dead_letters,
            linger=topics.LINGER[Lane.EXPRESS],
            requires=everything,
            clock=clock,
            metrics=context.kafka_metrics,
            random=context.random,
        ),
    ]
