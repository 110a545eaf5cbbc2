"""Wiring of the role `sweeper`."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence

from services.dispatch.sender.ledger import Ledger
from services.dispatch.settings import SweeperSettings
from services.dispatch.sweeper.metrics import SweeperMetrics
from services.dispatch.sweeper.receipts import ReceiptReader
from services.dispatch.sweeper.sweeper import Sweeper
from services.dispatch.unknowns.store import UnknownStore
from shared.kafka.sending import Sender
from shared.lifecycle import Component, Prepare
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

GROUP = "dispatch.sweeper"


def build_sweeper(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(SweeperSettings)
    mongo = MongoStore(settings.mongodb.get_secret_value(), "dispatch")
    unknowns = UnknownStore(mongo.database)
    connection = settings.cluster(GROUP)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    sweeper = Sweeper(
        unknowns=unknowns,
        ledger=Ledger(mongo.database),
        receipts=ReceiptReader(connection, settings.message_partitions).naming,
        send=sender.send,
        partitions=settings.message_partitions,
        owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        metrics=SweeperMetrics(context.registry),
    )
    return [mongo, Prepare("indexes of unknown outcomes", unknowns.prepare), sender, sweeper]
