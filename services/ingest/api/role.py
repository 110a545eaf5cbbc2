"""The role `api`: its parts put together."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.failures import Failures
from services.ingest.accounts.key_use import KeyUse
from services.ingest.accounts.listing import AccountListing
from services.ingest.accounts.relay import AccountRelay
from services.ingest.accounts.store import DATABASE, AccountStore
from services.ingest.accounts.view import AccountView
from services.ingest.admin.actors import Actors
from services.ingest.admin.app import admin_app
from services.ingest.admin.office import Office
from services.ingest.api.accepting import SOURCE, Acceptance
from services.ingest.api.app import VERSION, front_door
from services.ingest.api.cancelling import Cancelling
from services.ingest.api.forwarding import BOOKS, INCOMING, RETENTION, WEBHOOKS, Forwarding, Target
from services.ingest.api.gathering import Gathering
from services.ingest.api.metrics import ApiMetrics
from services.ingest.api.owner import Owner
from services.ingest.api.premium import PremiumDoor
from services.ingest.api.proxies import Proxied, networks
from services.ingest.api.reading import MessageReader
from services.ingest.api.recent import Recent
from services.ingest.api.submitting import Submit
from services.ingest.clients.letting import ClientSystems
from services.ingest.desk.decisions import Decisions
from services.ingest.desk.listing import HoldListing
from services.ingest.desk.store import DeskStore
from services.ingest.idempotency.claims import Claims
from services.ingest.idempotency.metrics import IdempotencyMetrics
from services.ingest.idempotency.store import ClaimStore
from services.ingest.limits.limiter import Limiter
from services.ingest.limits.metrics import LimitMetrics
from services.ingest.limits.shared import SharedBuckets
from services.ingest.settings import ApiSettings
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.words import Lane
from shared.http import HttpServer
from shared.ids import TimeOrderedIds
from shared.kafka.sending import Sender
from shared.kafka.whole import WholeTopics
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.privacy.opt_outs import OptOuts, read_opt_out
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load, read_secret
from shared.stores.mongodb import MongoStore
from shared.stores.valkey import ValkeyStore
from shared.strex import agreements


def build_api(context: Context) -> Sequence[Component]:
    """The components of the role, in the order of their start: what answers callers comes last, and stops first."""
    settings = load(ApiSettings)
    store = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    # A producer has one request in flight per broker, and fails as a whole: with one per lane, bulk delays nobody.
    senders = {
        lane: Sender(
            connection=settings.cluster(f"ingest.api.{lane}"),
            clock=context.clock,
            metrics=context.kafka_metrics,
        )
        for lane in Lane
    }
    metrics = ApiMetrics(context.registry)
    gatherings = {
        lane: Gathering(
            lane,
            senders[lane].send,
            context.clock,
            metrics.lanes[lane],
            partitions=settings.message_partitions,
            first_partition=context.random.randrange(settings.message_partitions),
        )
        for lane in Lane
    }
    recent = Recent(context.clock)
    accounts = AccountStore(store)
    failures = Failures(context.clock)
    view = AccountView(accounts.grant, context.clock, find_account=accounts.account, failures=failures)
    # Accounts are told of on the producer of the standard lane: too few to need one of their own.
    relay = AccountRelay(store, senders[Lane.STANDARD].send, Writer(SOURCE), context.clock)
    secret = read_secret(settings.internal_secret)
    books = Owner(settings.billing_api, secret, context.clock, service="billing")
    retention = Owner(settings.retention_api, secret, context.clock, service="retention")
    sealer = Sealer(FileKeyStore(settings.key_store), context.clock)
    book = AccountBook(store, context.clock, relay.wake)
    office = Office(
        actors=Actors(accounts.staff, view, failures, context.clock),
        book=book,
        listing=AccountListing(store),
        holds=HoldListing(store, sealer),
        decisions=Decisions(store, book, context.clock),
        clock=context.clock,
        random=secrets.token_bytes,
        books=books,
        retention=retention,
        clients=ClientSystems(book, settings.kafka, settings.kafka_clients, context.clock, secrets.token_bytes),
    )
    rows = ClaimStore(store.database)
    claims = Claims(rows, sealer, context.clock, IdempotencyMetrics(context.registry))
    valkey = ValkeyStore(settings.valkey.get_secret_value(), needed=False)
    limiter = Limiter(
        SharedBuckets(valkey),
        context.clock,
        LimitMetrics(context.registry),
        default=settings.rates,
        processes=settings.api_processes,
    )
    acceptance = Acceptance(
        gatherings,
        TimeOrderedIds(),
        sealer,
        Writer(SOURCE),
        context.clock,
    )
    premium = PremiumDoor(
        view=view,
        agreements=agreements.load(settings.premium_agreements),
        limiter=limiter,
        claims=claims,
        send=senders[Lane.EXPRESS].send,
        sealer=sealer,
        pseudonyms=Pseudonyms(FileKeyStore(settings.key_store)),
        clock=context.clock,
        partitions=settings.message_partitions,
    )
    owner = Owner(settings.dlr_api, secret, context.clock)
    reader = MessageReader(owner, recent)
    opt_outs = OptOuts(Pseudonyms(FileKeyStore(settings.key_store)))
    refused = WholeTopics(
        connection=settings.cluster("ingest.api.opt-outs"),
        name="opt-outs at the door",
        topics=[topics.OPT_OUTS],
        decode=read_opt_out,
        apply=opt_outs.apply,
        clock=context.clock,
        metrics=context.kafka_metrics,
    )
    door = Proxied(
        front_door(
            view,
            Submit(view, limiter, claims, acceptance, recent, opt_outs, metrics),
            reader,
            Cancelling(DeskStore(store), reader, context.clock),
            Forwarding(
                view,
                [
                    Target(WEBHOOKS, owner, "webhooks_unavailable"),
                    *(Target(prefix, owner, "inbound_unavailable") for prefix in INCOMING),
                    *(Target(prefix, books, "books_unavailable") for prefix in BOOKS),
                    *(Target(prefix, retention, "retention_unavailable") for prefix in RETENTION),
                ],
            ),
            premium,
            metrics,
            admin_app(office, VERSION),
        ),
        networks(settings.trusted_proxies),
    )
    server = HttpServer("http", door, settings.host, settings.api_port, setting="BUDSTIKKE_API_PORT")
    return [
        store,
        valkey,
        Prepare("account indexes", accounts.prepare),
        Prepare("idempotency indexes", rows.prepare),
        claims.answers,
        *(sender for sender in senders.values()),
        *gatherings.values(),
        owner,
        books,
        retention,
        refused,
        relay,
        KeyUse(view.used, accounts, context.clock),
        server,
    ]
