"""Senders die, links fall, leases move, sweepers are cut off, in any order: nothing is lost and little is doubled."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import booleans, integers, lists, sampled_from, sets, tuples

from shared.smpp.constants import ESME_RINVDSTADR, ESME_RSYSERR, ESME_RTHROTTLED
from shared.smpp.results import Accepted, Refused, SubmitResult
from tests.unit.dispatch.simulation.world import OPERATORS, UNRESOLVED, SimulatedLife, World

OPERATOR = sampled_from(OPERATORS)
MESSAGES = lists(tuples(sampled_from(["hei", "y" * 200]), booleans()), min_size=1, max_size=4)
HOPS = sampled_from([0.005, 0.015, 0.025, 0.035, 0.045, 0.055, 0.1])
"""Seconds, a call to the store takes 0.02: whatever works is somewhere between two of its steps."""
WHILES = sampled_from([1.0, 3.0, 7.0, 12.0, 35.0, 65.0])
ANSWERS = sampled_from(
    [Accepted(b"7"), Accepted(b"7"), Refused(ESME_RTHROTTLED), Refused(ESME_RSYSERR), Refused(ESME_RINVDSTADR)]
)


class Sending(RuleBasedStateMachine):
    """The rules of the house are kept by `World.taken`, with each PDU; what is left of them is asked at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(messages=MESSAGES, then=HOPS)
    def begin(self, messages: list[tuple[str, bool]], then: float) -> None:
        self.world.run(self.world.start("fjord"))
        self.world.run(self.world.sleep(0.1))
        self.messages_are_ordered(messages, then)

    @rule(messages=MESSAGES, then=HOPS)
    def messages_are_ordered(self, messages: list[tuple[str, bool]], then: float) -> None:
        for text, never_twice in messages:
            self.world.accept(text, never_twice=never_twice)
        self.world.run(self.world.sleep(then))

    @rule(seconds=HOPS)
    def a_moment_passes(self, seconds: float) -> None:
        self.world.run(self.world.sleep(seconds))

    @rule(seconds=WHILES)
    def a_while_passes(self, seconds: float) -> None:
        self.world.run(self.world.sleep(seconds))

    @precondition(lambda self: len(self.world.current) < len(OPERATORS))
    @rule()
    def all_senders_start(self) -> None:
        for operator in OPERATORS:
            self.world.run(self.world.start(operator))

    @precondition(lambda self: self.world.current)
    @rule(operator=OPERATOR)
    def a_sender_dies(self, operator: str) -> None:
        life = self.world.current.pop(operator, None)
        if life is not None:
            self.world.incidents += 1
            self.world.run(life.die())

    @precondition(lambda self: self.world.current)
    @rule(operator=OPERATOR)
    def a_sender_is_stopped(self, operator: str) -> None:
        life = self.world.current.pop(operator, None)
        if life is not None:
            self.world.incidents += 1
            self.world.run(life.stop())

    @rule(store=lists(booleans(), max_size=4), broker=lists(booleans(), max_size=2))
    def calls_fail(self, store: list[bool], broker: list[bool]) -> None:
        self.world.store.faults.come(store)
        self.world.broker.come(broker)

    @precondition(lambda self: self.world.current)
    @rule(operator=OPERATOR)
    def another_member_gets_the_partition(self, operator: str) -> None:
        life = self.world.current.pop(operator, None)
        if life is not None:
            self.world.incidents += 1
            self.world.run(life.give_up())
            self.world.former.append(life)
            self.world.run(self.world.start(operator))

    @precondition(lambda self: any(life.wire.in_flight for life in self._lives()))
    @rule(result=ANSWERS)
    def an_operator_answers(self, result: SubmitResult) -> None:
        for life in self._lives():
            self.world.run(_now(lambda life=life: life.wire.answer(result)))

    @precondition(lambda self: any(life.wire.late for life in self._lives()))
    @rule()
    def an_operator_answers_late(self) -> None:
        for life in self._lives():
            if life.wire.late:
                attempt = life.wire.late.pop(0)
                self.world.run(_now(lambda life=life, attempt=attempt: life.submitter.late(attempt, Accepted(b"8"))))

    @precondition(lambda self: any(life.wire.up for life in self._lives()))
    @rule(elsewhere=booleans())
    def links_fall(self, elsewhere: bool) -> None:
        for life in self.world.current.values():
            self.world.incidents += 1
            life.elsewhere = elsewhere
            self.world.run(_now(life.wire.cut))

    @precondition(lambda self: any(not life.wire.up for life in self._lives()))
    @rule()
    def links_come_back(self) -> None:
        for life in self.world.current.values():
            life.wire.up = 1

    @precondition(lambda self: self.world.current)
    @rule(hundredths=integers(0, 130))
    def senders_die_while_they_let_go(self, hundredths: int) -> None:
        self.links_fall(elsewhere=True)
        self.world.run(self.world.sleep(5.0 + hundredths / 100))
        for operator in OPERATORS:
            self.a_sender_dies(operator)
        self.all_senders_start()

    @precondition(lambda self: self.world.store.get_collection("unknowns").rows)
    @rule(hundredths=integers(1, 16))
    def a_sweeper_dies_while_it_closes(self, hundredths: int) -> None:
        self.world.run(self.world.sleep(65.0))
        self.world.run(self.world.sweep(hundredths / 100 - 0.005))

    @precondition(lambda self: self.world.store.get_collection("unknowns").rows)
    @rule(up=sets(OPERATOR))
    def what_is_unknown_is_sent_again(self, up: set[str]) -> None:
        self.world.run(self.world.sleep(65.0))
        self.world.run(self.world.sweep(60.0))
        self.world.run(self.world.route(up))
        self.world.run(self.world.sleep(0.1))

    @precondition(lambda self: self.world.routed < len(self.world.outputs))
    @rule(up=sets(OPERATOR))
    def what_came_back_is_routed(self, up: set[str]) -> None:
        self.world.run(self.world.route(up))

    @invariant()
    def no_rule_is_broken(self) -> None:
        assert not self.world.broken

    @invariant()
    def doubles_are_no_more_than_what_was_unresolved_when_something_happened(self) -> None:
        doubles = sum(max(count - 1, 0) for count in self.world.copies.values())
        assert doubles <= (self.world.incidents + self.world.timeouts) * UNRESOLVED

    def teardown(self) -> None:
        world = self.world
        try:
            world.run(world.heal())
            self.no_rule_is_broken()
            assert world.is_quiet(), "something is stuck"
            assert world.parts() <= world.ended(), "something is lost"
            intents, outcomes = (world.store.get_collection(name).rows for name in ("intents", "outcomes"))
            assert intents.keys() <= outcomes.keys(), "an attempt was left open"
            assert {key.removesuffix(":settled") for key in outcomes} <= intents.keys(), "an outcome without intent"
        finally:
            world.close()

    def _lives(self) -> list[SimulatedLife]:
        return [*self.world.former, *self.world.current.values()]


async def _now(act) -> None:  # type: ignore[no-untyped-def]
    act()


TestSending = Sending.TestCase
TestSending.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
