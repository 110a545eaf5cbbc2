"""The role `invoicing`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.billing.database import DATABASE
from services.billing.invoicing.closer import Closer
from services.billing.invoicing.invoicing import Invoicing
from services.billing.invoicing.parties import EXAMPLE as SELLER
from services.billing.invoicing.parties import read_seller
from services.billing.invoicing.records import Records
from services.billing.pricing.book import EXAMPLE as PRICES
from services.billing.pricing.book import read_prices
from services.billing.settings import InvoicingSettings
from services.billing.usage.daily import DailyUsages
from shared.kafka.sending import Sender
from shared.lifecycle import Component, Prepare
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore

CLIENT: Final = "billing.invoicing"


def build_invoicing(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(InvoicingSettings)
    prices, seller = read_prices(settings.prices or PRICES), read_seller(settings.seller or SELLER)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    records = Records.of(mongo, context.clock)
    connection = settings.cluster(CLIENT)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    daily = DailyUsages(records.sums, sender.send)
    closer = Closer(records, sender.send, context.clock, prices, seller, tell_usage=daily.look)
    return [
        mongo,
        Prepare("books indexes", records.prepare),
        sender,
        Invoicing(closer.step, closer.tell_write_offs, seconds=settings.invoicing_seconds),
    ]
