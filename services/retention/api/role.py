"""The role `api`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex

from services.retention.api.commands import Commands
from services.retention.api.problems import KINDS
from services.retention.api.routes import RetentionRoutes
from services.retention.database import DATABASE
from services.retention.proof.chain import Chain
from services.retention.settings import ApiSettings
from services.retention.store import RetentionStore
from shared.http import HttpServer
from shared.internal.api import Guard, application
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.service import Context
from shared.settings import load, read_secret
from shared.stores.mongodb import MongoStore


def build_api(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(ApiSettings)
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    store, chain = RetentionStore(mongo), Chain(mongo)
    commands = Commands(store, FileKeyStore(settings.key_store), context.clock, lambda: token_hex(12))
    guard = Guard(read_secret(settings.internal_secret), context.clock, KINDS)
    server = HttpServer(
        "internal http",
        application(
            RetentionRoutes(commands, store, chain).routes(guard), away="Retention does not answer; ask again."
        ),
        settings.host,
        settings.retention_api_port,
        setting="BUDSTIKKE_RETENTION_API_PORT",
    )
    return [mongo, Prepare("retention indexes", store.prepare), Prepare("proof index", chain.prepare), server]
