"""The courier and its circuits, on a network that answers when the test says so."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from prometheus_client import CollectorRegistry

from services.dlr.webhooks.client.connection import Done
from services.dlr.webhooks.client.outcome import Failure, Outcome
from services.dlr.webhooks.client.targets import Target, parse_target
from services.dlr.webhooks.delivery.circuit import FIRST_REST, LONGEST_REST, TOLERATED, Circuit, Stance
from services.dlr.webhooks.delivery.courier import Courier, Errand
from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.endpoints.endpoint import EndpointId
from services.dlr.webhooks.endpoints.occasion import FINAL_OCCASIONS
from services.dlr.webhooks.endpoints.policy import Key, Place
from shared.clock import ManualClock
from shared.ids import AccountId
from tests.support import wait_until
from tests.unit.dlr.building import START

GOOD, BAD = Outcome(status=200), Outcome(status=500)
TIMEOUT, CLOSED = Outcome(failure=Failure.TIMEOUT), Outcome(failure=Failure.CLOSED)
BACKLOG = 320


class Network:
    """What was sent and not answered."""

    def __init__(self) -> None:
        self.sent: deque[tuple[bytes, bytes, Done]] = deque()

    def post(self, target: Target, headers: bytes, body: bytes, done: Done) -> None:
        self.sent.append((headers, body, done))

    def answer(self, outcome: Outcome) -> None:
        self.sent.popleft()[2](outcome)


def place(name: str, *keys: Key) -> Place:
    return Place(
        endpoint_id=EndpointId(name),
        account_id=AccountId("acme"),
        channel=name,
        url="https://example.com/",
        target=parse_target("https://example.com/"),
        keys=keys,
        states=FINAL_OCCASIONS,
    )


class World:
    def __init__(self, in_flight: int = 4) -> None:
        self.clock = ManualClock(START)
        self.network = Network()
        self.courier = Courier(
            self.network.post,
            self.clock,
            WebhookMetrics(CollectorRegistry()),
            in_flight=in_flight,
            backlog=BACKLOG,
        )
        self.outcomes: list[Outcome] = []

    def offer(self, name: str = "a") -> bool:
        return self.courier.offer(Errand(place(name), "id", b"{}", self.outcomes.append))


def test_more_are_in_flight_with_each_answer_up_to_the_limit() -> None:
    world = World()
    assert all(world.offer() for _ in range(15))
    seen = []
    while world.network.sent:
        seen.append(len(world.network.sent))
        world.network.answer(GOOD)
    assert seen[:6] == [2, 3, 4, 4, 4, 4]
    assert world.outcomes == [GOOD] * 15


def test_a_timeout_gives_back_what_waits_and_refuses_what_comes() -> None:
    world = World()
    assert all(world.offer() for _ in range(6))
    world.network.answer(TIMEOUT)
    assert [outcome.failure for outcome in world.outcomes] == [Failure.TIMEOUT, *[Failure.BUSY] * 4]
    assert not world.offer()
    assert world.courier.resting() == ["a"]
    assert world.offer("b")


def test_after_the_rest_one_may_find_out() -> None:
    world = World()
    world.offer()
    world.network.answer(TIMEOUT)
    world.clock.advance(FIRST_REST)
    assert world.courier.room("a") == 1
    assert [world.offer(), world.offer()] == [True, False]
    world.network.answer(TIMEOUT)
    world.clock.advance(FIRST_REST)
    assert not world.offer()
    world.clock.advance(FIRST_REST)
    assert world.offer()
    world.network.answer(BAD)
    assert all(world.offer() for _ in range(3))
    assert world.courier.resting() == []


def test_one_channel_leaves_room_to_the_others() -> None:
    world = World()
    taken = {name: sum(world.offer(name) for _ in range(BACKLOG)) for name in "abcdefgh"}
    assert taken["a"] < BACKLOG / 8
    assert all(number >= 10 for number in taken.values())
    assert sum(taken.values()) < BACKLOG


def test_who_has_proven_itself_may_fill_more() -> None:
    world = World()
    for _ in range(3):
        world.offer()
        world.network.answer(GOOD)
    assert sum(world.offer() for _ in range(BACKLOG)) > BACKLOG / 6
    assert sum(world.offer("b") for _ in range(BACKLOG)) > BACKLOG / 20


async def test_who_waits_too_long_was_not_sent() -> None:
    world = World()
    await world.courier.start()
    assert all(world.offer() for _ in range(5))
    world.clock.advance(6)
    await wait_until(lambda: len(world.outcomes) == 3)
    assert {outcome.failure for outcome in world.outcomes} == {Failure.BUSY}
    await world.courier.stop(0.0)


async def test_a_stop_gives_back_what_waits_and_lets_the_rest_land() -> None:
    world = World()
    await world.courier.start()
    assert all(world.offer() for _ in range(5))
    await world.courier.stop(0.01)
    assert [outcome.failure for outcome in world.outcomes] == [Failure.BUSY] * 3
    assert len(world.network.sent) == 2


def test_only_valid_keys_sign() -> None:
    world = World()
    old, current = Key(b"o" * 32, START + timedelta(hours=24)), Key(b"n" * 32, None)
    for _ in range(2):
        world.courier.offer(Errand(place("a", current, old), "id", b"{}", world.outcomes.append))
        world.clock.advance(24 * 3600)
    first, second = (headers for headers, _, _ in world.network.sent)
    assert (first.count(b"v1,"), second.count(b"v1,")) == (2, 1)


@pytest.mark.parametrize("failure", sorted(set(Failure) - {Failure.TIMEOUT, Failure.CONNECT_TIMEOUT, Failure.BUSY}))
def test_quick_failures_are_tolerated_a_few_times(failure: Failure) -> None:
    circuit = Circuit()
    opened = [circuit.after(Outcome(failure=failure), 0.0) for _ in range(TOLERATED)]
    assert opened == [*[False] * (TOLERATED - 1), True]


def test_any_answer_closes_a_circuit() -> None:
    circuit = Circuit()
    assert circuit.after(TIMEOUT, 0.0)
    assert circuit.stance(1.0) is Stance.OPEN
    circuit.after(BAD, 1.0)
    assert circuit.stance(1.0) is Stance.CLOSED


def test_a_rest_doubles_to_five_minutes() -> None:
    circuit, now, rests = Circuit(), 0.0, []
    for _ in range(10):
        assert circuit.after(TIMEOUT, now)
        assert circuit.until is not None
        rests.append(circuit.until - now)
        now = circuit.until
    assert rests[:3] == [5.0, 10.0, 20.0]
    assert rests[-1] == LONGEST_REST


class Couriers(RuleBasedStateMachine):
    """Every errand that was taken ends exactly once, and no limit is ever passed."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.taken = 0

    @rule(name=st.sampled_from("abc"), count=st.integers(1, 30))
    def offer(self, name: str, count: int) -> None:
        self.taken += sum(self.world.offer(name) for _ in range(count))

    @rule(outcome=st.sampled_from([GOOD, GOOD, BAD, TIMEOUT, CLOSED, Outcome(failure=Failure.BUSY)]))
    def answer(self, outcome: Outcome) -> None:
        if self.world.network.sent:
            self.world.network.answer(outcome)

    @rule(seconds=st.floats(0, 400))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @invariant()
    def bounded(self) -> None:
        assert len(self.world.network.sent) <= 3 * 4
        waiting = self.taken - len(self.world.outcomes) - len(self.world.network.sent)
        assert 0 <= waiting < BACKLOG

    def teardown(self) -> None:
        while self.world.network.sent:
            self.world.network.answer(GOOD)
        assert len(self.world.outcomes) == self.taken


Couriers.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCouriers = Couriers.TestCase
