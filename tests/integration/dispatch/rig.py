"""One operator's sender without Kafka: the real ledger, a real SMSC in this process, a broker that obeys.

`Life` is what one process would hold. It can die, and another can take over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

from prometheus_client import CollectorRegistry

from services.dispatch.operators.config import Link as LinkConfig
from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.inherited import Inherited
from services.dispatch.sender.lane import LaneSender
from services.dispatch.sender.lease import LeaseStore
from services.dispatch.sender.ledger import AttemptKey, Intent, Ledger, Outcome, Standing
from services.dispatch.sender.metrics import SenderMetrics
from services.dispatch.sender.news import LinkNews
from services.dispatch.sender.operator import OperatorLink, bind_settings
from services.dispatch.sender.parts import LongMessages
from services.dispatch.sender.patience import Patience
from services.dispatch.sender.receipts import ReceiptRelay, SentMemory
from services.dispatch.sender.settling import Settler
from services.dispatch.sender.submitting import Submitter
from services.dispatch.unknowns.store import UnknownStore
from shared.clock import SystemClock
from shared.contracts import codec
from shared.contracts.events import DispatchOrdered, OperatorReceipt, PartFact
from shared.contracts.inbound import MessageReceived
from shared.errors import TryLater
from shared.kafka.at_least_once import Finishing
from shared.kafka.record import Output, Received, TopicPartition
from shared.kafka.sending import Sender
from shared.privacy.keys import KeyStore
from shared.privacy.opt_outs import OptOuts
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.smpp.backoff import Backoff
from shared.smpp.constants import ESME_ROK
from shared.smpp.link import Link
from shared.smpp.pdu import BindRequest, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.server import Server, ServerSession, serve
from shared.stores.mongodb import Database
from shared.tasks import end
from tests.support import wait_until
from tests.unit.dispatch.building import PARTITIONS, record_of

OPERATOR = "fjord"
Step = tuple[str, str]


class PushedClock(SystemClock):
    """The machine's clock, and what a test pushes it by."""

    def __init__(self) -> None:
        self.pushed = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.pushed)

    def monotonic(self) -> float:
        return super().monotonic() + self.pushed


class Broker:
    """Takes what a sender sends; refuses while `away`."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.away = False
        self.refused = 0
        self.steps: list[Step] = []

    async def send(self, outputs: Sequence[Output], *, deadline: float = 10.0) -> None:
        await asyncio.sleep(0)
        if self.away:
            self.refused += 1
            raise TryLater("kafka_unavailable", "away on purpose")
        self.outputs += outputs
        self.steps += [("fact", _id(output)) for output in outputs]

    @property
    def events(self) -> list[object]:
        return [_event(output) for output in self.outputs]

    @property
    def facts(self) -> list[PartFact]:
        return [event for event in map(_event, self.outputs) if isinstance(event, PartFact)]

    @property
    def receipts(self) -> list[OperatorReceipt]:
        return [event for event in map(_event, self.outputs) if isinstance(event, OperatorReceipt)]

    @property
    def incoming(self) -> list[MessageReceived]:
        return [event for event in map(_event, self.outputs) if isinstance(event, MessageReceived)]

    def kinds(self) -> list[str]:
        return [f"{fact.part}:{fact.attempt}:{fact.kind}" for fact in self.facts]

    def ids(self) -> list[str]:
        return [_id(output) for output in self.outputs]


class Smsc:
    """Notes every submit; answers at once, with what `status` says, or keeps the answers back while `silent`."""

    def __init__(self) -> None:
        self.submits: list[SubmitSm] = []
        self.statuses: list[int] = []
        self.status_of: Callable[[str], int] = lambda _: ESME_ROK
        self.silent = False
        self.answer_id: Callable[[int], bytes] = lambda number: b"%d" % number
        self.kept: list[tuple[Reply, int]] = []
        self.most_open = 0
        self.steps: list[Step] = []
        self.server: Server | None = None

    async def start(self, port: int = 0) -> None:
        self.server = await serve("127.0.0.1", port, authenticate=self._authenticate, on_submit=self._on_submit)

    async def stop(self) -> None:
        if self.server is not None:
            self.drop()
            await self.server.close(1.0)

    @property
    def port(self) -> int:
        assert self.server is not None
        return self.server.port

    @property
    def session(self) -> ServerSession:
        assert self.server is not None
        return self.server.sessions[0]

    @property
    def texts(self) -> list[str]:
        return [submit.short_message.decode("latin-1") for submit in self.submits]

    def drop(self) -> None:
        """Cut every connection, without a word."""
        assert self.server is not None
        for session in self.server.sessions:
            session.abort()

    def answer_kept(self) -> None:
        kept, self.kept = self.kept, []
        for reply, number in kept:
            reply(ESME_ROK, self.answer_id(number))

    async def _authenticate(self, session: ServerSession, bind: BindRequest) -> int:
        return ESME_ROK

    def _on_submit(self, session: ServerSession, message: SubmitSm, reply: Reply) -> None:
        self.submits.append(message)
        self.steps.append(("pdu", message.short_message.decode("latin-1")))
        status = self.statuses.pop(0) if self.statuses else self.status_of(self.texts[-1])
        if self.silent:
            self.kept.append((reply, len(self.submits)))
            self.most_open = max(self.most_open, len(self.kept))
        else:
            reply(status, self.answer_id(len(self.submits)) if status == ESME_ROK else b"")


class Faults:
    """What goes wrong with a ledger: how many calls fail before they act, and how many answers are lost after it."""

    def __init__(self) -> None:
        self.fail: dict[str, int] = {}
        self.lose: dict[str, int] = {}
        self.hold: asyncio.Event | None = None
        self.calls: list[str] = []

    async def around(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        self.calls.append(name)
        if self.hold is not None:
            await self.hold.wait()
        if self.fail.get(name, 0) > 0:
            self.fail[name] -= 1
            raise TryLater("mongodb_unreachable", "away on purpose")
        answer = await act()
        if self.lose.get(name, 0) > 0:
            self.lose[name] -= 1
            raise TryLater("mongodb_unreachable", "the answer is lost on purpose")
        return answer


class WatchedLedger(Ledger):
    """The real ledger; notes its rows in `steps` once they are acknowledged, and can be made to fail."""

    def __init__(self, database: Database, steps: list[Step]) -> None:
        super().__init__(database)
        self.faults = Faults()
        self._steps = steps
        self.rows = database

    async def intend(self, intents: Sequence[Intent]) -> Mapping[AttemptKey, Standing]:
        answer = await self.faults.around("intend", lambda: Ledger.intend(self, intents))
        self._steps += [("intent", intent.key) for intent in intents]
        return cast("Mapping[AttemptKey, Standing]", answer)

    async def settle(self, outcomes: Sequence[Outcome]) -> Mapping[str, Outcome]:
        answer = await self.faults.around("settle", lambda: Ledger.settle(self, outcomes))
        self._steps += [(outcome.kind.value, outcome.key) for outcome in outcomes]
        return cast("Mapping[str, Outcome]", answer)

    async def unresolved(self) -> int:
        """Intents without outcome, as the store has them."""
        settled = {row["_id"] async for row in self.rows.outcomes.find({}, {"_id": 1})}
        return len([1 async for row in self.rows.intents.find({}, {"_id": 1}) if row["_id"] not in settled])


class Life:
    """One process's sender for one operator."""

    def __init__(
        self,
        database: Database,
        smsc: Smsc,
        sealer: Sealer,
        keys: KeyStore,
        *,
        owner: str = "a",
        window: int = 10,
        binds: int = 1,
        response_timeout: float = 30.0,
        most_unresolved: int | None = None,
        long_messages: LongMessages = "udh",
        operator: str = OPERATOR,
    ) -> None:
        self.steps: list[Step] = []
        self.clock = PushedClock()
        self.broker = Broker()
        self.broker.steps = self.steps
        self.said = Broker()
        self.finished: list[str] = []
        self.given_back: list[str] = []
        self.closing = False
        self.smsc = smsc
        self.registry = CollectorRegistry()
        metrics = SenderMetrics(self.registry)
        config = LinkConfig(
            name="fjord-1",
            host="127.0.0.1",
            port=smsc.port,
            system_id="us",
            password_env="X",
            window=window,
            binds=binds,
            response_timeout=response_timeout,
        )
        self.ledger = WatchedLedger(database, self.steps)
        self.leases = HeldLeases(LeaseStore(database, owner, self.clock), self.clock)
        self.opt_outs = OptOuts(Pseudonyms(keys))
        self.memory = SentMemory(1000)
        sender = cast("Sender", self.broker)
        self.relay = ReceiptRelay(
            OPERATOR, self.memory, sender, sealer, Pseudonyms(keys), self.clock, PARTITIONS, metrics, config.reading
        )
        self.link = Link(
            bind_settings(config, "secret"),
            on_deliver=lambda pdu, reply: self.relay.take("fjord-1", pdu, reply),
            on_data=lambda data, reply: self.relay.take("fjord-1", data.as_deliver_sm(), reply),
            on_change=lambda change: self.news.heard(change.up),
            on_late=lambda attempt, result: self.submitter.late(attempt, result),
            on_room=lambda: self.submitter.refill(),
            random=Random(1),
            clock=self.clock,
            backoff=Backoff(first=0.02, longest=0.05),
        )
        self.unknowns = UnknownStore(database)
        self.settler = Settler(
            operator,
            self.ledger,
            sender,
            self.unknowns,
            PARTITIONS,
            self.clock,
            metrics,
            response_timeout=timedelta(seconds=response_timeout),
            receipt_time=timedelta(seconds=30),
        )
        self.inherited = Inherited(self.leases, self.settler, self.clock, response_timeout)
        self.leases.settled_before = lambda: min(self.settler.settled_before(), self.inherited.settled_before())
        self.submitter = Submitter(
            "fjord-1",
            self.link,
            self.ledger,
            self.leases,
            self.memory,
            self.settler,
            self.inherited,
            Patience(self.clock, config.busy_statuses, config.fault_statuses),
            self.clock,
            most_unresolved=2 * window * binds if most_unresolved is None else most_unresolved,
            opt_outs=lambda: self.opt_outs.changes,
        )
        self.elsewhere = False
        self.lane = LaneSender(self.submitter, sealer, self.opt_outs, lambda *_: self.elsewhere, long_messages)
        self.news = LinkNews(operator, self.said.send, self.clock)
        self.component = OperatorLink(
            operator, self.link, self.submitter, self.settler, self.relay, self.leases, self.news
        )
        self.alive = False

    async def start(self, orders: Sequence[Received[DispatchOrdered]] = (), *, bound: bool = True) -> None:
        """Start, with the partitions of these orders assigned."""
        await self.ledger.prepare()
        await self.unknowns.prepare()
        await self.component.start()
        self.alive = True
        await self.leases.want(partitions(orders))
        if bound:
            await wait_until(lambda: self.link.up > 0)

    async def handle(self, orders: Sequence[Received[DispatchOrdered]]) -> None:
        await self.lane(orders, Told(self))

    async def until_finished(self, count: int, deadline: float = 60.0) -> None:
        await wait_until(lambda: len(self.finished) >= count, deadline, waiting_for=f"{count} finished records")

    async def stop(self, deadline: float = 4.0) -> None:
        if self.alive:
            self.alive = False
            await self.component.stop(deadline)

    async def die(self) -> None:
        """As by kill -9: nothing is written, nothing released. (Its lease is freed here, for ten seconds are long.)"""
        self.alive = False
        parts = (self.submitter, self.inherited, self.relay, self.leases, self.news)
        running = [*self.settler._tasks, *(part._task for part in parts)]
        await end(*(task for task in [*running, *self.submitter._chunks] if task is not None))
        for bind in list(self.link._binds.values()):
            bind.abort()
        await self.link.stop(0.5)
        await self.ledger.rows.leases.update_many({}, {"$unset": {"expires_at": ""}})


class Told(Finishing[DispatchOrdered]):
    """What the handler says of its records, kept; the partitions close when the test says so."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def __call__(self, received: Received[DispatchOrdered]) -> None:
        self._life.finished.append(received.event.message.message_id)
        self._life.steps.append(("finish", received.event.message.message_id))

    @property
    def closing(self) -> bool:
        return self._life.closing

    def give_back(self, received: Received[DispatchOrdered]) -> None:
        self._life.given_back.append(received.event.message.message_id)


async def no_answer_can_come(life: Life, count: int = 1) -> None:
    """The response timeout passes after the take-over, for as many attempts as were inherited."""
    await wait_until(lambda: len(life.inherited) == count)
    life.clock.pushed += 31.0


async def dies_before_the_answer(life: Life, smsc: Smsc, order: Received[DispatchOrdered]) -> None:
    """The operator has the PDU, and keeps its answer to itself."""
    smsc.silent = True
    await life.start([order])
    await life.handle([order])
    await wait_until(lambda: len(smsc.kept) == 1)
    await life.die()


async def inherits(life: Life, order: Received[DispatchOrdered]) -> None:
    """Another takes over, and finds the attempt open."""
    await life.start([order])
    await life.handle([order])
    await wait_until(lambda: len(life.inherited) == 1)


async def called_unknown(life: Life, smsc: Smsc, order: Received[DispatchOrdered]) -> None:
    """No answer comes in time. (The life should not wait long for it.)"""
    smsc.silent = True
    await life.start([order])
    await life.handle([order])
    await life.until_finished(1)


def partitions(orders: Sequence[Received[DispatchOrdered]]) -> set[TopicPartition]:
    return {TopicPartition(order.record.topic, order.record.partition) for order in orders}


def _event(output: Output) -> object:
    return codec.read(record_of(output))


def _id(output: Output) -> str:
    return next(value for name, value in output.headers if name == "ce_id").decode()
