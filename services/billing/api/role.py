"""The role `api`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence

from services.billing.api.accounts import AccountReads
from services.billing.api.finance import FinanceRoutes
from services.billing.api.problems import KINDS
from services.billing.database import DATABASE
from services.billing.invoicing.commands import Commands
from services.billing.invoicing.records import Records
from services.billing.premium.api.building import premium_part
from services.billing.pricing.book import EXAMPLE, read_prices
from services.billing.settings import ApiSettings
from shared.http import HttpServer
from shared.internal.api import Guard, application
from shared.lifecycle import Component, Prepare
from shared.service import Context
from shared.settings import load, read_secret
from shared.stores.mongodb import MongoStore


def build_api(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(ApiSettings)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    records = Records.of(mongo, context.clock)
    commands = Commands(records, read_prices(settings.prices or EXAMPLE), context.clock)
    secret = read_secret(settings.internal_secret)
    guard = Guard(secret, context.clock, KINDS, usual=KINDS["invalid_request"])
    premium = premium_part(settings, mongo, secret, context.clock)
    server = HttpServer(
        "internal http",
        application(
            [
                *AccountReads(records.ledger, records.books, context.clock).routes(guard),
                *FinanceRoutes(commands, records).routes(guard),
                *premium.routes,
            ],
            away="The books do not answer; ask again.",
        ),
        settings.host,
        settings.billing_api_port,
        setting="BUDSTIKKE_BILLING_API_PORT",
    )
    return [
        mongo,
        Prepare("books indexes", records.prepare),
        *premium.components,
        server,
    ]
