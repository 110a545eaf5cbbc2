"""The role `api`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence

from services.billing.api.app import application
from services.billing.database import DATABASE
from services.billing.settings import ApiSettings
from shared.http import HttpServer
from shared.lifecycle import Component
from shared.service import Context
from shared.settings import load, read_secret
from shared.stores.mongodb import MongoStore


def build_api(_: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(ApiSettings)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    read_secret(settings.internal_secret)
    server = HttpServer(
        "internal http",
        application([]),
        settings.host,
        settings.billing_api_port,
        setting="BUDSTIKKE_BILLING_API_PORT",
    )
    return [mongo, server]
