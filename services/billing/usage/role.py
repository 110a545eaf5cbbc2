"""The role `usage`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.billing.database import DATABASE
from services.billing.settings import UsageSettings
from services.billing.usage.daily import DailyUsages
from services.billing.usage.hearing import hear
from services.billing.usage.metrics import UsageMetrics
from services.billing.usage.store import UsageStore
from services.billing.usage.sums import DailySums
from services.billing.usage.usage import Usage
from shared.contracts import topics
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.sending import Sender
from shared.lifecycle import Component, Prepare
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

GROUP: Final = "billing.usage"

_LINGER: Final = 0.5
"""Seconds: nobody waits for a row, and a batch costs the database as much as 50 of them."""
_COMMIT_SECONDS: Final = 1.0


def build_usage(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start: what takes work in comes last, and stops first."""
    settings = load(UsageSettings)
    connection = settings.cluster(GROUP)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    ledger = UsageStore(mongo)
    metrics = UsageMetrics(context.registry)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    sums = DailySums(mongo, ledger, context.clock)
    daily = DailyUsages(sums, sender.send, metrics, seconds=settings.usage_daily_seconds)
    runner = AtLeastOnceRunner(
        connection=connection,
        group=GROUP,
        topics=[topics.EVENTS],
        decode=hear,
        handle=Usage(ledger, context.clock, metrics),
        dead_letter_topic=topics.dead_letters,
        max_batch=settings.usage_batch,
        linger=_LINGER,
        commit_interval=_COMMIT_SECONDS,
        rest=_LINGER / 2,
        max_unfinished=2 * settings.usage_batch,
        requires={topics.USAGE: 1},
        clock=context.clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    return [
        mongo,
        Prepare("usage ledger indexes", ledger.prepare),
        Prepare("daily usage indexes", sums.prepare),
        sender,
        daily,
        runner,
    ]
