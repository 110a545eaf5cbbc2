"""Wiring of the role `sender`: for each operator a link, a ledger with its leases, and a runner per lane."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta

from services.dispatch.operators import config
from services.dispatch.operators.config import Operators
from services.dispatch.operators.links import Links
from services.dispatch.operators.routes import RouteTable
from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.inherited import Inherited
from services.dispatch.sender.lane import LaneSender, read_order
from services.dispatch.sender.lease import LeaseStore
from services.dispatch.sender.ledger import Ledger
from services.dispatch.sender.metrics import SenderMetrics
from services.dispatch.sender.news import LinkNews
from services.dispatch.sender.operator import OperatorLink, bind_settings, watch_link
from services.dispatch.sender.patience import Patience
from services.dispatch.sender.receipts import ReceiptRelay, SentMemory
from services.dispatch.sender.settling import Settler
from services.dispatch.sender.submitting import Submitter
from services.dispatch.sender.waiting import tried
from services.dispatch.settings import SenderSettings
from services.dispatch.testing.stand_in import TEST_LINK, StandIn
from services.dispatch.unknowns.store import UnknownStore
from shared.contracts import topics
from shared.contracts.codec import Reader
from shared.contracts.events import DispatchOrdered, Event, LinkChanged
from shared.contracts.inbound import OptOutRequested
from shared.contracts.words import Lane
from shared.errors import BadSettings
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.record import Record
from shared.kafka.sending import Sender
from shared.kafka.whole import WholeTopics
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.privacy.opt_outs import OptOuts
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.settings import load
from shared.smpp.link import Link
from shared.smpp.settings import BindSettings
from shared.stores.mongodb import MongoStore

GROUP = "dispatch.sender"

_WRITTEN = (topics.FACTS, topics.RECEIPTS, topics.INBOUND, topics.RETURNS)

RECEIPT_TIME = timedelta(seconds=30)
"""For so long after the response timeout a receipt may still say what became of a part."""


def build_sender(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    settings = load(SenderSettings)
    operators = config.load(settings.operators)
    store = MongoStore(settings.mongodb.get_secret_value(), "dispatch")
    sender = Sender(
        connection=settings.cluster(GROUP),
        clock=context.clock,
        metrics=context.kafka_metrics,
    )
    build = _Build(context, settings, operators, store, sender)
    return [
        store,
        build.ledger_indexes(),
        sender,
        build.known(),
        *(
            component
            for operator in _served(settings.sender_operators, operators)
            for component in build.operator(operator)
        ),
    ]


def _served(wanted: str, operators: Operators) -> Sequence[str]:
    """The operators this process serves. Raises `BadSettings` for one that is not in the file."""
    known = [*operators.operators, topics.TEST_OPERATOR]
    names = [name.strip() for name in wanted.split(",") if name.strip()] or known
    if unknown := [name for name in names if name not in known]:
        raise BadSettings("bad_settings", f"BUDSTIKKE_SENDER_OPERATORS: not in the operators file: {unknown[0]}")
    return names


class _Build:
    """What the operators of one process share."""

    def __init__(
        self, context: Context, settings: SenderSettings, operators: Operators, store: MongoStore, sender: Sender
    ) -> None:
        self._context = context
        self._settings = settings
        self._operators = operators
        self._routes = RouteTable(operators.routes)
        self._links = Links(context.clock)
        self._sender = sender
        keys = FileKeyStore(settings.key_store)
        self._sealer, self._pseudonyms = Sealer(keys, context.clock), Pseudonyms(keys)
        self._opt_outs = OptOuts(self._pseudonyms)
        self._ledger = Ledger(store.database)
        self._unknowns = UnknownStore(store.database)
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._leases = LeaseStore(store.database, owner, context.clock)
        self._metrics = SenderMetrics(context.registry)

    def ledger_indexes(self) -> Component:
        """Makes the indexes before anything is written."""

        async def prepare() -> None:
            await self._ledger.prepare()
            await self._unknowns.prepare()

        return Prepare("ledger indexes", prepare)

    def known(self) -> Component:
        """Reads who wants no more and which operators can be reached, before anything is submitted."""
        return WholeTopics(
            connection=self._settings.cluster(f"{GROUP}.known"),
            name="opt-outs and links",
            topics=[topics.OPT_OUTS, topics.LINKS],
            decode=Reader(OptOutRequested, LinkChanged),
            apply=self._apply,
            clock=self._context.clock,
            metrics=self._context.kafka_metrics,
        )

    def _apply(self, record: Record, event: Event | None) -> None:
        """One record of either topic; a tombstone is of opt-outs."""
        if isinstance(event, LinkChanged):
            self._links.apply(record, event)
        elif record.topic == topics.OPT_OUTS and (event is None or isinstance(event, OptOutRequested)):
            self._opt_outs.apply(record, event)

    def _elsewhere(self, order: DispatchOrdered, number: str) -> bool:
        """Whether another operator within reach would take it. A test message has one operator alone."""
        if order.message.test:
            return False
        return self._routes.leads_elsewhere(number, self._links.up(), tried(order, self._context.clock.now()))

    def operator(self, operator: str) -> Iterator[Component]:
        """The components of one operator."""
        context, settings = self._context, self._settings
        binds: Sequence[BindSettings]
        if operator == topics.TEST_OPERATOR:
            link_config, binds = TEST_LINK, []
            yield StandIn(binds, link_config.window, context.clock, secrets.token_bytes)
        else:
            (link_config,) = self._operators.operators[operator].links
            binds = bind_settings(link_config, config.password_of(link_config, os.environ))
        memory = SentMemory(settings.sender_remembers)
        relay = ReceiptRelay(
            operator,
            memory,
            self._sender,
            self._sealer,
            self._pseudonyms,
            context.clock,
            settings.message_partitions,
            self._metrics,
            link_config.reading,
        )
        news = LinkNews(operator, self._sender.send, context.clock)
        link = Link(
            binds,
            on_deliver=lambda pdu, reply: relay.take(link_config.name, pdu, reply),
            on_data=lambda data, reply: relay.take(link_config.name, data.as_deliver_sm(), reply),
            on_change=watch_link(operator, link_config, self._metrics, news),
            on_late=lambda attempt, result: submitter.late(attempt, result),
            on_room=lambda: submitter.refill(),
            random=context.random,
            clock=context.clock,
        )
        leases = HeldLeases(self._leases, context.clock)
        settler = Settler(
            operator,
            self._ledger,
            self._sender,
            self._unknowns,
            settings.message_partitions,
            context.clock,
            self._metrics,
            response_timeout=timedelta(seconds=link_config.response_timeout),
            receipt_time=RECEIPT_TIME,
        )
        inherited = Inherited(leases, settler, context.clock, link_config.response_timeout)
        leases.settled_before = lambda: min(settler.settled_before(), inherited.settled_before())
        submitter = Submitter(
            link_config.name,
            link,
            self._ledger,
            leases,
            memory,
            settler,
            inherited,
            Patience(context.clock, link_config.busy_statuses, link_config.fault_statuses),
            context.clock,
            most_unresolved=int(link_config.window * link_config.binds * settings.sender_unresolved),
            opt_outs=lambda: self._opt_outs.changes,
        )
        self._metrics.owed.labels(operator).set_function(lambda: inherited.owed)
        self._metrics.leases_missing.labels(operator).set_function(lambda: leases.missing)
        yield OperatorLink(operator, link, submitter, settler, relay, leases, news)
        handler = LaneSender(submitter, self._sealer, self._opt_outs, self._elsewhere, link_config.long_messages)
        for lane in Lane:
            group = f"{GROUP}.{operator}.{lane}"
            yield AtLeastOnceRunner(
                connection=settings.cluster(group),
                group=group,
                topics=[topics.dispatch(operator, lane)],
                decode=read_order,
                handle=handler,
                handle_timeout=None,
                dead_letter_topic=topics.dead_letters,
                on_assigned=leases.want,
                on_revoked=leases.give_up,
                requires=dict.fromkeys(_WRITTEN, settings.message_partitions),
                clock=context.clock,
                metrics=context.kafka_metrics,
                random=context.random,
            )
