"""The role `api`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence

from services.dlr.api.messages import MessageReads
from services.dlr.inbound.role import build_inbound_management
from services.dlr.settings import ApiSettings
from services.dlr.status.store import DATABASE, MessageStore
from services.dlr.webhooks.role import build_management
from shared.http import HttpServer
from shared.internal.api import application
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load, read_secret
from shared.stores.mongodb import MongoStore


def build_api(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(ApiSettings)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    store = MessageStore(mongo)
    secret = read_secret(settings.internal_secret)
    reads = MessageReads(store, Sealer(FileKeyStore(settings.key_store), context.clock), secret, context.clock)
    webhooks = build_management(context, settings, mongo, secret)
    inbound = build_inbound_management(context, settings, mongo, secret)
    server = HttpServer(
        "internal http",
        application(
            [*reads.routes(), *webhooks.routes, *inbound.routes], away="The message log does not answer; ask again."
        ),
        settings.host,
        settings.dlr_api_port,
        setting="BUDSTIKKE_DLR_API_PORT",
    )
    return [mongo, Prepare("message log indexes", store.prepare), *webhooks.components, *inbound.components, server]
