"""The role `invoicing`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.billing.database import DATABASE
from services.billing.invoicing.closer import Closer
from services.billing.invoicing.invoicing import Invoicing
from services.billing.invoicing.parties import EXAMPLE as SELLER
from services.billing.invoicing.parties import read_seller
from services.billing.invoicing.store import Books
from services.billing.pricing.book import EXAMPLE as PRICES
from services.billing.pricing.book import read_prices
from services.billing.settings import InvoicingSettings
from services.billing.usage.daily import DailyUsages
from services.billing.usage.store import UsageStore
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
    books, ledger = Books(mongo), UsageStore(mongo)
    connection = settings.cluster(CLIENT)
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    daily = DailyUsages(mongo, ledger, sender.send, context.clock)
    closer = Closer(books, ledger, sender.send, context.clock, prices, seller, tell_usage=daily.look)
    return [
        mongo,
        Prepare("books indexes", books.prepare),
        Prepare("usage ledger indexes", ledger.prepare),
        Prepare("daily usage indexes", daily.prepare),
        sender,
        Invoicing(closer, seconds=settings.invoicing_seconds),
    ]
