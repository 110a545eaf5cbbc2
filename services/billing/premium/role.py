"""The role `premium`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.billing.database import DATABASE
from services.billing.premium.closing import Closing
from services.billing.premium.ledger import Ledger
from services.billing.premium.metrics import PremiumMetrics
from services.billing.premium.outbox import Outbox
from services.billing.premium.premium import Premium, hear
from services.billing.premium.refunding import Refunds
from services.billing.premium.telling import Teller
from services.billing.premium.terms import EXAMPLE, read_terms
from services.billing.settings import PremiumSettings
from shared.contracts import topics
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.sending import Sender
from shared.lifecycle import Component, Prepare
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

GROUP: Final = "billing.premium"


def build_premium(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(PremiumSettings)
    terms = read_terms(settings.premium_terms or EXAMPLE)
    connection = settings.cluster(GROUP)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    ledger = Ledger(mongo, terms)
    refunds = Refunds(mongo)
    closing = Closing(mongo, ledger, terms, context.clock)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    metrics = PremiumMetrics(context.registry)
    teller = Teller(settings.message_partitions)
    outbox = Outbox(mongo, refunds, teller, sender.send, context.clock, metrics)
    runner = AtLeastOnceRunner(
        connection=connection,
        group=GROUP,
        topics=[topics.PREMIUM_EVENTS],
        decode=hear,
        handle=Premium(ledger, context.clock, metrics, outbox.hurry),
        dead_letter_topic=topics.dead_letters,
        requires={topics.PREMIUM_ORDERS: settings.message_partitions},
        clock=context.clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    return [
        mongo,
        Prepare("premium ledger indexes", ledger.prepare),
        Prepare("premium refunds indexes", refunds.prepare),
        Prepare("premium closing indexes", closing.prepare),
        Prepare("premium outbox indexes", outbox.prepare),
        sender,
        outbox,
        runner,
    ]
