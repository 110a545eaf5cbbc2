"""Wiring of the role `strex`."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from services.dispatch.settings import StrexSettings
from services.dispatch.strex.asking import Asking
from services.dispatch.strex.callbacks import PATH, Callbacks
from services.dispatch.strex.client import LOOKS_PER_CALL, StrexClient
from services.dispatch.strex.metrics import StrexMetrics
from services.dispatch.strex.ordering import Ordering, Patience, read_order
from services.dispatch.strex.server_keys import ServerKeys
from services.dispatch.strex.store import PremiumStore
from services.dispatch.strex.telling import Teller
from services.dispatch.strex.watching import Watcher
from shared.contracts import topics
from shared.errors import BadSettings
from shared.http import HttpServer
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.sending import Sender
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load
from shared.stores.mongodb import MongoStore
from shared.strex import agreements
from shared.strex.signatures import PrivateKey, read_private_key

GROUP: Final = "dispatch.strex"

_MARGIN: Final = 5.0
"""Seconds by which the answer to a call may be late in the row."""


def build_strex(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start: what takes orders comes last, and stops first."""
    settings = load(StrexSettings)
    clock = context.clock
    mongo = MongoStore(settings.mongodb.get_secret_value(), "dispatch")
    store = PremiumStore(mongo.database)
    keys = FileKeyStore(settings.key_store)
    connection = settings.cluster(GROUP)
    sender = Sender(connection=connection, clock=clock, metrics=context.kafka_metrics)
    metrics = StrexMetrics(context.registry)
    client = StrexClient(
        settings.strex_url,
        _private_key(settings.strex_key),
        settings.strex_key_name,
        clock,
        lambda: str(uuid4()),
        seconds=settings.strex_seconds,
        connections=settings.strex_at_once,
    )
    teller = Teller(store, sender.send, settings.message_partitions)
    gone = timedelta(seconds=settings.strex_gone_seconds)
    asking = Asking(store=store, client=client, teller=teller, metrics=metrics, clock=clock, gone=gone)
    watcher = Watcher(
        store=store,
        client=client,
        teller=teller,
        asking=asking,
        metrics=metrics,
        clock=clock,
        gone=gone,
        at_once=LOOKS_PER_CALL * settings.strex_at_once,
    )
    report_url = f"{settings.strex_reports}{PATH}" if settings.strex_reports else None
    callbacks = Callbacks(
        url=report_url or PATH,
        store=store,
        keys=ServerKeys(client.server_key, clock),
        metrics=metrics,
        clock=clock,
        on_due=watcher.wake,
    )
    ordering = Ordering(
        store=store,
        client=client,
        teller=teller,
        asking=asking,
        sealer=Sealer(keys, clock),
        pseudonyms=Pseudonyms(keys),
        metrics=metrics,
        clock=clock,
        patience=Patience(
            answer=timedelta(seconds=settings.strex_seconds + _MARGIN),
            gone=gone,
            order=timedelta(seconds=settings.strex_order_seconds),
        ),
        owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        report_url=report_url,
        agreements=agreements.load(settings.premium_agreements),
        at_once=settings.strex_at_once,
        on_taken=watcher.wake,
    )
    runner = AtLeastOnceRunner(
        connection=connection,
        group=GROUP,
        topics=[topics.PREMIUM_ORDERS],
        decode=read_order,
        handle=ordering,
        handle_timeout=None,
        dead_letter_topic=topics.dead_letters,
        max_batch=2 * settings.strex_at_once,
        requires={topics.PREMIUM_EVENTS: settings.message_partitions},
        clock=clock,
        metrics=context.kafka_metrics,
        random=context.random,
    )
    reports = HttpServer(
        "strex reports", callbacks.app(), settings.host, settings.strex_port, setting="BUDSTIKKE_STREX_PORT"
    )
    return [mongo, Prepare("premium indexes", store.prepare), sender, client, watcher, reports, runner]


def _private_key(path: Path) -> PrivateKey:
    """The key that signs our calls. Raises `BadSettings`; names the variable only."""
    try:
        return read_private_key(path.read_bytes())
    except OSError as error:
        raise BadSettings("bad_settings", f"BUDSTIKKE_STREX_KEY: cannot be read ({error.strerror})") from None
    except ValueError:
        raise BadSettings("bad_settings", "BUDSTIKKE_STREX_KEY: holds no P-256 or RSA key in PKCS#8 PEM") from None
