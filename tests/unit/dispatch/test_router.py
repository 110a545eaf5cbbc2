"""Accepted messages become orders and facts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from services.dispatch.operators.config import Route
from services.dispatch.operators.routes import RouteTable
from services.dispatch.router.router import Router, read_accepted
from shared.clock import ManualClock
from shared.contracts import codec
from shared.contracts.events import DispatchOrdered, MessageAccepted, PartFact
from shared.contracts.words import FactKind, Lane
from shared.errors import BadRecord
from shared.kafka.record import Output, Received, header
from shared.privacy.keys import Quarter
from shared.privacy.sealing import Sealed, Sealer
from tests.unit.dispatch.building import ACCOUNT, PARTITIONS, START, Letters, as_record, record_of


@pytest.fixture
def router(letters: Letters) -> Router:
    clock = ManualClock(START)
    table = RouteTable([Route("+47", "fjord"), Route("+46", "vidde", "swedes")])
    return Router(table, Sealer(letters.keys, clock), clock, PARTITIONS, CollectorRegistry())


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
