"""A small world: two operators with a sender each, a sweeper and a router, real but for what is at their edges."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from prometheus_client import CollectorRegistry

from services.dispatch.operators.config import Route
from services.dispatch.operators.links import Links
from services.dispatch.operators.routes import RouteTable
from services.dispatch.router.metrics import RouterMetrics
from services.dispatch.router.router import ReturnRouter, read_returned
from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.inherited import Inherited
from services.dispatch.sender.lane import LaneSender
from services.dispatch.sender.ledger import AttemptKey, Ledger
from services.dispatch.sender.metrics import SenderMetrics
from services.dispatch.sender.patience import Patience
from services.dispatch.sender.receipts import SentMemory
from services.dispatch.sender.settling import Settler
from services.dispatch.sender.submitting import Submitter
from services.dispatch.sender.work import Attempt
from services.dispatch.sweeper.metrics import SweeperMetrics
from services.dispatch.sweeper.sweeper import Sweeper
from services.dispatch.unknowns.store import Unknown, UnknownStore
from shared.contracts import codec
from shared.contracts.events import DispatchOrdered, OperatorReceipt, PartFact
from shared.contracts.words import Lane
from shared.errors import TryLater
from shared.ids import MessageId
from shared.kafka.at_least_once import Finishing
from shared.kafka.record import Output, Received, TopicPartition
from shared.kafka.sending import Sender
from shared.privacy.opt_outs import OptOuts
from shared.privacy.pseudonyms import Pseudonyms
from shared.smpp.constants import ESME_RMSGQFUL, ESME_RSYSERR, ESME_RTHROTTLED
from shared.smpp.link import Link
from shared.smpp.pdu import SubmitSm
from shared.smpp.results import Accepted, Ending, Refused, SubmitResult
from shared.smpp.results import Unknown as NoAnswer
from shared.smpp.window import OnResult
from shared.tasks import end
from tests.unit.dispatch.building import PARTITIONS, Letters, link_news, received, record_of
from tests.unit.dispatch.simulation.store import HOP, Faults, Memory, MemoryLeases
from tests.unit.dispatch.simulation.time import VirtualClock, VirtualLoop

OPERATORS = ("fjord", "tinde")
WINDOW, UNRESOLVED = 2, 4
RESPONSE_TIMEOUT = 30.0

A = TypeVar("A")


class Wire:
    """A link to an operator, and what it has taken. An answer comes when the test says so, at most in time; or, taken
    each, so many seconds after its PDU as `delay` says.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.delay: Callable[[], float] | None = None
        self.up = 0
        self.closing = False
        self.in_flight: list[tuple[float, Attempt, OnResult]] = []
        self.late: list[Attempt] = []

    @property
    def free(self) -> int:
        return self._world.window - len(self.in_flight) if self.up and not self.closing else 0

    def free_bind(self) -> Wire | None:
        return self if self.free else None

    def send(self, _pdu: SubmitSm, attempt: Attempt, on_result: OnResult) -> None:
        self._world.taken(attempt)
        entry = (self._world.clock.monotonic(), attempt, on_result)
        self.in_flight.append(entry)
        if self.delay is not None:
            self._world.loop.call_later(self.delay(), self._accept, entry)

    def _accept(self, entry: tuple[float, Attempt, OnResult]) -> None:
        self.in_flight.remove(entry)
        entry[2](entry[1], Accepted(b"%d" % self._world.count("ids")))

    def answer(self, result: SubmitResult) -> None:
        if self.in_flight:
            _, attempt, on_result = self.in_flight.pop(0)
            if isinstance(result, NoAnswer):
                self.late.append(attempt)
            if isinstance(result, Refused):
                self._world.not_taken(attempt)
            on_result(attempt, result)

    def expire(self) -> None:
        while self.in_flight and self.in_flight[0][0] + RESPONSE_TIMEOUT <= self._world.clock.monotonic():
            self._world.timeouts += 1
            self.answer(NoAnswer(Ending.NO_RESPONSE))

    def cut(self) -> None:
        self.up = 0
        in_flight, self.in_flight = self.in_flight, []
        self.late.clear()
        for _, attempt, on_result in in_flight:
            on_result(attempt, NoAnswer(Ending.LINK_LOST))


class Told(Finishing[DispatchOrdered]):
    """What a life says of its records counts while it has the partition."""

    def __init__(self, life: SimulatedLife) -> None:
        self._life = life

    def __call__(self, order: Received[DispatchOrdered]) -> None:
        if self._life.owns:
            self._life.world.finished.add(order.record.offset)

    @property
    def closing(self) -> bool:
        return not self._life.owns

    def give_back(self, order: Received[DispatchOrdered]) -> None:
        """Its next owner has it from the topic."""


class SimulatedLife:
    """One process's sender of one operator."""

    def __init__(self, world: World, operator: str) -> None:
        self.world, self.operator = world, operator
        self.owns = True
        self.elsewhere = False
        self.handed: set[int] = set()
        self.wire = Wire(world)
        clock, metrics = world.clock, SenderMetrics(CollectorRegistry())
        ledger = Ledger(world.store.database)
        self.leases = HeldLeases(MemoryLeases(world.leases, f"owner {world.count('lives')}", clock), clock)
        memory = SentMemory(100)
        self.settler = Settler(
            operator,
            ledger,
            cast("Sender", world),
            UnknownStore(world.store.database),
            PARTITIONS,
            clock,
            metrics,
            response_timeout=timedelta(seconds=RESPONSE_TIMEOUT),
            receipt_time=timedelta(seconds=30),
        )
        self.leases.settled_before = lambda: min(self.settler.settled_before(), self.inherited.settled_before())
        self.inherited = Inherited(self.leases, self.settler, clock, RESPONSE_TIMEOUT)
        self.submitter = Submitter(
            f"{operator}-1",
            cast("Link", self.wire),
            ledger,
            self.leases,
            memory,
            self.settler,
            self.inherited,
            Patience(clock, (ESME_RTHROTTLED, ESME_RMSGQFUL), (ESME_RSYSERR,)),
            clock,
            most_unresolved=world.unresolved,
        )
        opt_outs = OptOuts(Pseudonyms(world.letters.keys))
        self.lane = LaneSender(self.submitter, world.letters.sealer, opt_outs, lambda *_: self.elsewhere, "udh")
        self.handling: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.leases.start()
        self.settler.start()
        self.submitter.start()
        await self.leases.want({TopicPartition(f"sms.dispatch.{self.operator}.standard", 0)})
        self.feed()

    def feed(self) -> None:
        """Hand out what is new on the topic."""
        new = [order for order in self.world.orders[self.operator] if order.record.offset not in self.handed]
        new = [order for order in new if order.record.offset not in self.world.finished]
        if new and self.owns:
            self.handed |= {order.record.offset for order in new}
            self.handling.append(asyncio.ensure_future(self.lane(new, Told(self))))

    async def give_up(self) -> None:
        """The partition goes to another member; what is in flight here goes on."""
        self.owns = False
        await self.leases.give_up({TopicPartition(f"sms.dispatch.{self.operator}.standard", 0)})

    async def stop(self, patience: float = 4.0) -> None:
        """As a process does that is asked to. Its handler has so many seconds; its operator answers what it took."""
        self.owns = False
        if self.handling:
            await asyncio.wait(self.handling, timeout=patience)
        await end(*self.handling)
        await self.leases.give_up({TopicPartition(f"sms.dispatch.{self.operator}.standard", 0)})
        await self.submitter.stop(5.0)
        self.wire.closing = True
        while self.wire.in_flight:
            self.wire.answer(Accepted(b"%d" % self.world.count("ids")))
        self.wire.up = 0
        await self.settler.stop(5.0)
        await self.leases.stop()

    async def die(self) -> None:
        """As by kill -9, wherever it is."""
        self.owns = False
        self.wire.in_flight.clear()
        self.wire.up = 0
        parts = (self.leases, self.submitter, self.inherited)
        tasks = [*self.handling, *self.submitter._chunks, *self.settler._tasks, *(part._task for part in parts)]
        await end(*(task for task in tasks if task is not None))


class World:
    """Everything, and what must never happen."""

    def __init__(self, window: int = WINDOW, unresolved: int = UNRESOLVED, hop: float = HOP) -> None:
        """Every call to a store or the broker takes two hops."""
        self.window, self.unresolved, self.hop = window, unresolved, hop
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        self.folder = tempfile.TemporaryDirectory()
        self.letters = Letters(Path(self.folder.name))
        self.store = Memory(self.clock, hop)
        self.leases: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, list[Received[DispatchOrdered]]] = {name: [] for name in OPERATORS}
        self.finished: set[int] = set()
        self.current: dict[str, SimulatedLife] = {}
        self.former: list[SimulatedLife] = []
        self.outputs: list[Output] = []
        self.broker = Faults()
        self.routed = 0
        self.counts: Counter[str] = Counter()
        self.incidents = 0
        self.timeouts = 0
        self.broken: list[str] = []
        self.pdus: Counter[AttemptKey] = Counter()
        self.copies: Counter[tuple[str, int]] = Counter()
        self.may_be_twice: dict[str, bool] = {}
        self.messages: dict[str, int] = {}

    def run(self, work: Coroutine[Any, Any, A]) -> A:
        return self.loop.run_until_complete(work)

    def count(self, what: str) -> int:
        self.counts[what] += 1
        return self.counts[what]

    async def send(self, outputs: Sequence[Output], *, deadline: float = 10.0) -> None:
        """The broker."""
        self.count("produces")
        before, behind = self.broker.next()
        await asyncio.sleep(self.hop)
        if before:
            raise TryLater("kafka_send_timeout", "away")
        self.outputs += outputs
        await asyncio.sleep(self.hop)
        if behind:
            raise TryLater("kafka_send_timeout", "away")

    def accept(self, text: str, *, never_twice: bool) -> None:
        self.put(text, never_twice=never_twice)
        self.feed()

    def put(self, text: str, *, never_twice: bool, lane: Lane = Lane.STANDARD) -> MessageId:
        """A message on the first operator's topic of the standard lane, whatever its own."""
        now = self.clock.now()
        order = self.letters.order(
            text, never_twice=never_twice, requested_at=now, accepted_at=now, valid_until=now + timedelta(hours=2)
        )
        self.messages[order.message.message_id] = order.message.parts
        self.may_be_twice[order.message.message_id] = not never_twice
        record = received(order).record
        order = msgspec.structs.replace(order, message=msgspec.structs.replace(order.message, lane=lane))
        self.orders["fjord"].append(Received(record, order))
        return order.message.message_id

    def feed(self) -> None:
        async def feed() -> None:
            for life in self.current.values():
                life.feed()

        self.run(feed())

    def taken(self, attempt: Attempt) -> None:
        """An operator gets a PDU: the rules of the house."""
        message_id = attempt.parcel.order.message.message_id
        self.pdus[attempt.key] += 1
        self.copies[message_id, attempt.part.number] += 1
        if self.pdus[attempt.key] > 1:
            self.broken.append("two PDUs of one attempt")
        if self.copies[message_id, attempt.part.number] > 1 + self.may_be_twice[message_id]:
            self.broken.append("sent too often")

    def not_taken(self, attempt: Attempt) -> None:
        """It said so itself."""
        self.copies[attempt.parcel.order.message.message_id, attempt.part.number] -= 1

    async def sleep(self, seconds: float) -> None:
        """Time passes; what is not answered in time never is, but late."""
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 1e-6:
            await asyncio.sleep(min(left, 0.5))
            for life in (*self.current.values(), *self.former):
                life.submitter.refill()
                life.wire.expire()

    async def start(self, operator: str) -> None:
        if operator not in self.current:
            life = self.current[operator] = SimulatedLife(self, operator)
            life.wire.up = 1
            await life.start()

    async def sweep(self, seconds: float) -> None:
        """A sweeper works for so long, then dies."""
        sweeper = Sweeper(
            unknowns=UnknownStore(self.store.database),
            ledger=Ledger(self.store.database),
            receipts=_no_receipts,
            send=self.send,
            partitions=PARTITIONS,
            owner=f"sweeper {self.count('sweepers')}",
            metrics=SweeperMetrics(CollectorRegistry()),
        )
        task = asyncio.ensure_future(sweeper.sweep())
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            with suppress(TryLater):
                task.result()
        await end(task)

    async def route(self, up: Collection[str]) -> None:
        """The router takes what came back since the last time."""
        new, self.routed = self.outputs[self.routed :], len(self.outputs)
        returned = [record_of(output) for output in new if output.topic == "dispatch.returns"]
        links = Links(self.clock, OPERATORS)
        for operator in OPERATORS:
            links.apply(*link_news(operator, self.clock.now(), up=operator in up))
        table = RouteTable([Route("+47", operator) for operator in OPERATORS])
        metrics = RouterMetrics(CollectorRegistry())
        router = ReturnRouter(table, links, self.letters.sealer, self.clock, PARTITIONS, metrics)
        for output in await router([Received(record, read_returned(record)) for record in returned]):
            event = codec.read(record_of(output))
            if isinstance(event, DispatchOrdered):
                self.orders[event.operator].append(received(event))
            else:
                self.outputs.append(output)
        for life in self.current.values():
            life.feed()

    async def heal(self) -> None:
        """Everything works again, for long enough."""
        self.store.faults.come(())
        self.broker.come(())
        for life in self.former:
            await life.die()
        for operator in OPERATORS:
            await self.start(operator)
            self.current[operator].wire.up = 1
            self.current[operator].elsewhere = False
        for _ in range(300):
            await self.sleep(1.0)
            for life in self.current.values():
                while life.wire.in_flight:
                    life.wire.answer(Accepted(b"%d" % self.count("ids")))
            await self.sweep(60.0)
            await self.route(OPERATORS)
            if self.is_quiet():
                return

    def is_quiet(self) -> bool:
        orders = {order.record.offset for orders in self.orders.values() for order in orders}
        return orders <= self.finished and not self.store.get_collection("unknowns").rows

    def parts(self) -> set[tuple[str, int]]:
        """Every part that was ever ordered."""
        return {(name, part) for name, count in self.messages.items() for part in range(1, count + 1)}

    def ended(self) -> set[tuple[str, int]]:
        """Parts that were told to be taken, or to have ended otherwise."""
        final = {"submitted", "refused", "failed", "expired"}
        return {(fact.message_id, fact.part) for fact in self.facts() if fact.kind in final}

    def facts(self) -> list[PartFact]:
        """What was told of parts, in its order."""
        told = [codec.read(record_of(output)) for output in self.outputs if output.topic == "sms.facts"]
        return [fact for fact in told if isinstance(fact, PartFact)]

    def close(self) -> None:
        async def end_all() -> None:
            for life in (*self.former, *self.current.values()):
                await life.die()

        self.run(end_all())
        self.loop.close()
        self.folder.cleanup()


async def _no_receipts(_: Sequence[Unknown]) -> Mapping[AttemptKey, OperatorReceipt]:
    return {}
