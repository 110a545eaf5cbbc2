"""Test messages go to the operator `test`, and nothing else does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from services.dispatch.operators.config import Route, parse
from services.dispatch.operators.links import Links
from services.dispatch.operators.routes import RouteTable
from services.dispatch.router.metrics import RouterMetrics
from services.dispatch.router.router import Router, read_accepted
from services.dispatch.testing.outcomes import DELIVERED, SCRIPTS, script_of
from shared.clock import ManualClock
from shared.contracts import codec
from shared.contracts.events import DispatchOrdered
from shared.contracts.words import Lane
from shared.errors import BadSettings
from shared.kafka.record import Received
from shared.privacy.sealing import Sealer
from shared.smpp.receipts import FINAL_STATES, ReceiptState
from tests.unit.dispatch.building import PARTITIONS, START, Letters, as_record, record_of


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize("number", ["+4798765432", "+46701234567", "+12025550123"])
@pytest.mark.parametrize("test", [True, False])
async def test_a_test_message_is_routed_to_the_operator_test_whatever_its_number(
    letters: Letters, lane: Lane, number: str, test: bool
) -> None:
    clock = ManualClock(START)
    table = RouteTable([Route("+47", "fjord"), Route("+", "tinde")])
    router = Router(
        table, Links(clock), Sealer(letters.keys, clock), clock, PARTITIONS, RouterMetrics(CollectorRegistry())
    )
    message = letters.accepted(
        number=number,
        lane=lane,
        test=test,
        requested_at=START,
        accepted_at=START,
        valid_until=START + timedelta(hours=1),
    )
    record = as_record(f"sms.accepted.{lane}", message, message.message_id, f"{message.message_id}:accepted")
    ordered, _ = list(await router([Received(record, read_accepted(record))]))
    order = codec.read(record_of(ordered))
    assert isinstance(order, DispatchOrdered)
    assert (order.operator == "test") is test
    assert (ordered.topic == f"sms.dispatch.test.{lane}") is test


def test_no_operator_of_the_file_may_be_called_test() -> None:
    file = b"""
operators:
  test:
    links: [{name: a, host: h, port: 1, system_id: s, password_env: P}]
routes: []
"""
    with pytest.raises(BadSettings, match=r"\$\.operators\.test"):
        parse(file)


def test_each_documented_ending_has_a_script_and_all_others_are_delivered() -> None:
    assert sorted(SCRIPTS) == [str(ending).encode() for ending in range(91, 99)]
    for ending in range(100):
        destination = b"479000%04d" % ending
        expected = SCRIPTS.get(b"%02d" % ending, DELIVERED)
        assert script_of(destination) is expected
    last = [script.receipts[-1] for script in SCRIPTS.values() if script.receipts]
    assert set(last) <= FINAL_STATES | {ReceiptState.UNKNOWN}
