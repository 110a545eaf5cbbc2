"""Accepted messages become orders and facts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from services.dispatch.operators.config import Route
from services.dispatch.operators.links import Links
from services.dispatch.operators.routes import RouteTable
from services.dispatch.router.metrics import RouterMetrics
from services.dispatch.router.router import ReturnRouter, Router, read_accepted
from shared.clock import ManualClock
from shared.contracts import codec
from shared.contracts.events import DispatchOrdered, DispatchReturned, MessageAccepted, PartFact
from shared.contracts.words import FactKind, Lane, ReturnReason
from shared.errors import BadRecord
from shared.kafka.record import Output, Received, header
from shared.privacy.keys import Quarter
from shared.privacy.sealing import Sealed, Sealer
from tests.unit.dispatch.building import ACCOUNT, PARTITIONS, START, Letters, as_record, link_news, record_of


@pytest.fixture
def router(letters: Letters) -> Router:
    clock = ManualClock(START)
    table = RouteTable([Route("+47", "fjord"), Route("+46", "vidde", "swedes")])
    return Router(
        table, Links(clock), Sealer(letters.keys, clock), clock, PARTITIONS, RouterMetrics(CollectorRegistry())
    )


def accepted(letters: Letters, **changes: object) -> Received[MessageAccepted]:
    fields = {"requested_at": START, "accepted_at": START, "valid_until": START + timedelta(hours=1), **changes}
    message = letters.accepted(**fields)  # type: ignore[arg-type]
    record = as_record("sms.accepted.standard", message, message.message_id, f"{message.message_id}:accepted")
    return Received(record, read_accepted(record))


def ids(outputs: object) -> list[str]:
    assert isinstance(outputs, list)
    return [(header(record_of(output), "ce_id") or b"").decode() for output in outputs]


def event(output: Output) -> object:
    return codec.read(record_of(output))


async def test_a_message_becomes_an_order_and_the_fact_that_it_is_queued(router: Router, letters: Letters) -> None:
    received = accepted(letters, partition=2, lane=Lane.EXPRESS)
    message_id = received.event.message_id

    outputs = list(await router([received]))

    ordered, queued = (event(output) for output in outputs)
    assert isinstance(ordered, DispatchOrdered)
    assert isinstance(queued, PartFact)
    assert [(output.topic, output.partition, output.key) for output in outputs] == [
        ("sms.dispatch.fjord.express", 2, message_id.encode()),
        ("sms.facts", 2, message_id.encode()),
    ]
    assert ids(outputs) == [f"{message_id}:ordered:1", f"{message_id}:queued:1"]
    assert (ordered.message, ordered.operator, ordered.route_id, ordered.attempt, ordered.parts) == (
        received.event,
        "fjord",
        "+47>fjord",
        1,
        (),
    )
    assert (queued.kind, queued.part, queued.parts, queued.operator, queued.cause) == (
        FactKind.QUEUED,
        0,
        1,
        "fjord",
        f"{message_id}:accepted",
    )
    assert [header(record_of(output), "traceparent") for output in outputs] == [b"00-ab-cd-01"] * 2


async def test_a_batch_handled_twice_gives_the_same_octets(router: Router, letters: Letters) -> None:
    batch = [accepted(letters), accepted(letters, number="+4915112345678"), accepted(letters, valid_until=START)]

    assert await router(batch) == await router(batch)


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"number": "+4915112345678"}, FactKind.FAILED, "no_route"),
        ({"valid_until": START}, FactKind.EXPIRED, "validity_over"),
    ],
)
async def test_what_gets_no_route_ends_with_one_fact(
    router: Router, letters: Letters, changes: dict[str, object], kind: FactKind, code: str
) -> None:
    received = accepted(letters, **changes)

    outputs = list(await router([received]))

    (fact,) = (event(output) for output in outputs)
    assert isinstance(fact, PartFact)
    assert (fact.kind, fact.code, fact.part, fact.operator) == (kind, code, 0, None)
    assert ids(outputs) == [f"{received.event.message_id}:router:{kind}"]


async def test_an_erased_number_is_rejected(router: Router, letters: Letters) -> None:
    received = accepted(letters)
    letters.keys.destroy(ACCOUNT, Quarter(104))

    (output,) = await router([received])

    fact = event(output)
    assert isinstance(fact, PartFact)
    assert (fact.kind, fact.code) == (FactKind.REJECTED, "erased")


async def test_a_damaged_seal_is_a_bad_record(router: Router, letters: Letters) -> None:
    message = accepted(letters).event

    with pytest.raises(BadRecord, match="bad_seal"):
        await router([accepted(letters, to=Sealed(message.to))])


async def test_outputs_hold_no_number_in_the_clear(router: Router, letters: Letters) -> None:
    outputs = await router([accepted(letters, text="hemmelig")])

    octets = b"".join((output.value or b"") + repr(output.headers).encode() for output in outputs)
    assert b"98765432" not in octets
    assert b"hemmelig" not in octets


def returned(letters: Letters, **changes: object) -> Received[DispatchReturned]:
    """What a sender or the sweeper gives back; `changes` are of the event, or of the message in it."""
    own = {name: changes.pop(name) for name in ("stay", "again", "tried", "parts", "operator") if name in changes}
    message = accepted(letters, **changes).event
    fields = {"operator": "fjord", "attempt": 2, "parts": (1,), "why": ReturnReason.OUTCOME_UNKNOWN, **own}
    event = DispatchReturned(message=message, route_id="+47>fjord", returned_at=START, **fields)  # type: ignore[arg-type]
    return Received(as_record("dispatch.returns", event, message.message_id, "returned"), event)


def return_router(letters: Letters, *up: str, now: datetime = START) -> ReturnRouter:
    clock = ManualClock(now)
    links = Links(ManualClock(START - timedelta(minutes=1)), ("fjord", "tinde"))
    links._clock = clock
    for operator in up:
        links.apply(*link_news(operator, START))
    table = RouteTable([Route("+47", "fjord"), Route("+47", "tinde")])
    sealer = Sealer(letters.keys, clock)
    return ReturnRouter(table, links, sealer, clock, PARTITIONS, RouterMetrics(CollectorRegistry()))


async def test_what_came_back_becomes_an_order_for_its_parts_as_the_attempt_it_names(letters: Letters) -> None:
    came = returned(letters, parts=(2, 3), tried=("tinde",), again=True, text="y" * 400)
    message_id = came.event.message.message_id

    outputs = list(await return_router(letters, "fjord")([came]))

    order, *facts = (event(output) for output in outputs)
    assert isinstance(order, DispatchOrdered)
    assert (order.operator, order.attempt, order.parts, order.tried, order.again, order.stay) == (
        "fjord",
        2,
        (2, 3),
        ("tinde",),
        True,
        False,
    )
    assert [(fact.kind, fact.part, fact.attempt, fact.operator) for fact in facts if isinstance(fact, PartFact)] == [
        (FactKind.QUEUED, 2, 2, "fjord"),
        (FactKind.QUEUED, 3, 2, "fjord"),
    ]
    assert ids(outputs) == [f"{message_id}:ordered:2:2,3", f"{message_id}:2:2:queued", f"{message_id}:3:2:queued"]


@pytest.mark.parametrize(
    ("up", "changes", "operator"),
    [
        (("tinde",), {}, "tinde"),
        (("fjord", "tinde"), {"tried": ("fjord",)}, "tinde"),
        (("fjord",), {"tried": ("fjord",)}, "fjord"),
        (("tinde",), {"stay": True}, "fjord"),
        ((), {}, "fjord"),
    ],
)
async def test_it_goes_to_who_can_be_reached_and_was_not_tried_unless_it_has_to_stay(
    letters: Letters, up: tuple[str, ...], changes: dict[str, object], operator: str
) -> None:
    order = event((await return_router(letters, *up)([returned(letters, **changes)]))[0])

    assert isinstance(order, DispatchOrdered)
    assert order.operator == operator


@pytest.mark.parametrize("changes", [{"valid_until": START}, {"number": "+4915112345678"}])
async def test_what_came_back_and_cannot_go_on_is_ended_by_a_sender_who_asks_the_ledger(
    letters: Letters, changes: dict[str, object]
) -> None:
    """The first copy of the same return may have been sent by now."""
    order, queued = map(event, await return_router(letters, "tinde")([returned(letters, **changes)]))

    assert isinstance(order, DispatchOrdered)
    assert isinstance(queued, PartFact)
    assert (order.operator, order.route_id, order.attempt, order.parts) == ("fjord", "+47>fjord", 2, (1,))
    assert queued.kind == FactKind.QUEUED


async def test_what_came_back_and_was_erased_is_ended_by_a_sender_too(letters: Letters) -> None:
    came = returned(letters)
    letters.keys.destroy(ACCOUNT, Quarter(104))

    order = event((await return_router(letters, "tinde")([came]))[0])

    assert isinstance(order, DispatchOrdered)
    assert order.operator == "fjord"


async def test_what_came_back_too_late_from_an_operator_that_is_gone_ends_part_by_part(letters: Letters) -> None:
    came = returned(letters, valid_until=START, operator="vidde", parts=(1, 2))
    outputs = list(await return_router(letters, "fjord")([came]))

    facts = [fact for fact in map(event, outputs) if isinstance(fact, PartFact)]
    assert [(fact.kind, fact.code, fact.part, fact.attempt) for fact in facts] == [
        (FactKind.EXPIRED, "validity_over", 1, 2),
        (FactKind.EXPIRED, "validity_over", 2, 2),
    ]
    message_id = came.event.message.message_id
    assert ids(outputs) == [f"{message_id}:1:2:router:expired", f"{message_id}:2:2:router:expired"]


async def test_a_new_message_goes_to_an_operator_that_can_be_reached(letters: Letters) -> None:
    clock = ManualClock(START - timedelta(minutes=1))
    links = Links(clock, ("fjord", "tinde"))
    clock.advance(60)
    table = RouteTable([Route("+47", "fjord"), Route("+", "tinde")])
    router = Router(table, links, Sealer(letters.keys, clock), clock, PARTITIONS, RouterMetrics(CollectorRegistry()))
    chosen = []

    for heard in ((), ("tinde", True), ("fjord", True), ("fjord", False), ("tinde", False)):
        if heard:
            links.apply(*link_news(heard[0], START, up=heard[1]))
        order = event((await router([accepted(letters)]))[0])
        assert isinstance(order, DispatchOrdered)
        chosen.append(order.operator)

    assert chosen == ["fjord", "tinde", "fjord", "tinde", "fjord"]


@pytest.mark.parametrize("ahead", [-3600, 0, 3600])
def test_nobody_is_believed_within_reach_for_longer_than_fifteen_seconds_whatever_his_clock_says(ahead: int) -> None:
    clock = ManualClock(START)
    links = Links(clock)
    links.apply(*link_news("fjord", START, says=START + timedelta(seconds=ahead)))

    clock.advance(14.9)
    assert links.up() == {"fjord"}
    clock.advance(0.2)
    assert links.up() == frozenset()


def test_a_broker_whose_clock_is_ahead_makes_nobody_believed_for_longer() -> None:
    clock = ManualClock(START)
    links = Links(clock)
    links.apply(*link_news("fjord", START + timedelta(hours=1)))

    clock.advance(15.1)
    assert links.up() == frozenset()


def test_who_has_just_begun_to_listen_hopes_for_all_that_were_not_said_to_be_down() -> None:
    clock = ManualClock(START)
    links = Links(clock, ("fjord", "tinde", "vidde"))
    links.apply(*link_news("fjord", START))
    links.apply(*link_news("tinde", START, up=False))

    assert links.hoped() == {"fjord", "vidde"}
    clock.advance(10)
    links.apply(*link_news("vidde", clock.now()))
    clock.advance(5.1)
    assert links.hoped() == {"vidde"}
