"""The role `signals`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from services.ingest.accounts.store import DATABASE
from services.ingest.settings import SignalsSettings
from services.ingest.signals.signals import Settling, Signals
from services.ingest.signals.store import WindowStore
from services.ingest.signals.windows import Thresholds
from shared.contracts import topics
from shared.contracts.abuse import TrafficCounted
from shared.contracts.codec import only
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.sending import Sender
from shared.lifecycle import Component, Prepare
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

GROUP: Final = "ingest.signals"


def build_signals(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(SignalsSettings)
    connection = settings.cluster(GROUP)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    store = WindowStore(mongo)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    thresholds = Thresholds(
        window=timedelta(seconds=settings.signals_window),
        volume=settings.signals_volume,
        failures=settings.signals_failures,
        least=settings.signals_least,
    )
    signals = Signals(store, sender.send, thresholds, context.clock)
    runner = AtLeastOnceRunner(
        connection=connection,
        group=GROUP,
        topics=[topics.COUNTS],
        decode=partial(only, TrafficCounted),
        handle=signals,
        dead_letter_topic=topics.dead_letters,
        requires={topics.SIGNALS: 1},
        clock=context.clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    return [
        mongo,
        Prepare("signals index", store.prepare),
        sender,
        Settling(signals, every=min(1.0, settings.signals_window / 4)),
        runner,
    ]
