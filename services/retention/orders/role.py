"""The role `orders`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.retention.database import DATABASE
from services.retention.orders.accounts import Accounts, read_account
from services.retention.orders.ordering import Ordering
from services.retention.settings import OrdersSettings
from services.retention.store import RetentionStore
from shared.contracts import topics
from shared.kafka.sending import Sender
from shared.kafka.whole import WholeTopics
from shared.lifecycle import Component, Prepare
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

_CLIENT: Final = "retention.orders"


def build_orders(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start: no night is ordered before every account is known."""
    settings = load(OrdersSettings)
    connection = settings.cluster(_CLIENT)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    store = RetentionStore(mongo)
    accounts = Accounts()
    known = WholeTopics(
        connection=connection,
        name="accounts that retain",
        topics=[topics.ACCOUNTS],
        decode=read_account,
        apply=accounts.apply,
        clock=context.clock,
        metrics=context.kafka_metrics,
    )
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    ordering = Ordering(
        store,
        accounts,
        sender.send,
        context.clock,
        hour=settings.retention_hour,
        every=settings.retention_seconds,
    )
    return [mongo, Prepare("retention indexes", store.prepare), known, sender, ordering]
