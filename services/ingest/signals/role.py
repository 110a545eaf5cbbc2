"""The role `signals`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from services.ingest.settings import SignalsSettings
from services.ingest.signals.signals import Rows, Signals
from services.ingest.signals.windows import Thresholds
from shared.kafka.sending import Sender
from shared.lifecycle import Component
from shared.service import Context
from shared.settings import load

GROUP: Final = "ingest.signals"


def build_signals(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    from services.ingest.signals.app import CountsApp  # Faust takes 1.4 s to import: the other roles do without

    settings = load(SignalsSettings)
    connection = settings.cluster(GROUP)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    thresholds = Thresholds(
        window=timedelta(seconds=settings.signals_window),
        volume=settings.signals_volume,
        failures=settings.signals_failures,
        least=settings.signals_least,
    )

    def signals(rows: Rows) -> Signals:
        return Signals(
            rows,
            sender.send,
            thresholds,
            group=GROUP,
            clock=context.clock,
            random=context.random,
            metrics=context.kafka_metrics,
        )

    app = CountsApp(
        GROUP, connection, context.kafka_metrics, signals, settle_every=min(1.0, settings.signals_window / 4)
    )
    return [sender, app]
