"""Services that are killed or asked to stop while messages pass through them, and start again: nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.processes import GROUPS
from tests.acceptance.customer import Customer, customer_of
from tests.acceptance.numbers import Numbers
from tests.acceptance.restartable import RestartableSystem
from tests.acceptance.smsc import Smsc
from tests.acceptance.traffic import Traffic
from tests.support import wait_until

SERVICE_NAMES = [group.name for group in GROUPS]
SENDER = "dispatch"
SETTLE = 90.0
DRAIN = 25.0
"""Seconds: the services' own 20, and time to end."""
UNRESOLVED = 2 * 50
"""Parts that may go twice after one crash: two windows of the one bind (promise P3)."""
UNKNOWN = 30.0 + 60.0
"""Seconds until what nobody knows is sent once more: 30 from the take-over, or 60 from the intent, and a little."""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, jars: tuple[Path, ...]) -> Iterator[RestartableSystem]:
    system = RestartableSystem(tmp_path_factory.mktemp("restarts"), jars)
    try:
        system.start()
        yield system
    finally:
        system.stop()


@pytest.fixture
async def customer(parts: RestartableSystem) -> AsyncIterator[Customer]:
    async with customer_of(parts.api, parts.key) as customer:
        yield customer


@pytest.fixture
async def operator(parts: RestartableSystem) -> AsyncIterator[Smsc]:
    async with Smsc.at(parts.fjord) as smsc:
        await smsc.behave(response_delay_ms=150, receipt_delay_ms=400)
        yield smsc


@pytest.mark.parametrize("name", [name for name in SERVICE_NAMES if name != SENDER])
async def test_a_killed_service_that_starts_again_has_lost_nothing(
    parts: RestartableSystem, customer: Customer, operator: Smsc, numbers: Numbers, name: str
) -> None:
    traffic = Traffic(customer, numbers)
    await _kill_under(traffic, parts, operator, name)
    states = await customer.settled(list(traffic.promised.values()), SETTLE)
    assert Counter(states.values()) == {"delivered": len(traffic.promised)}
    taken = await traffic.times_taken(operator)
    assert {taken[number] for number in traffic.promised} == {1}
    assert max(taken.values()) == 1


async def test_a_killed_sender_loses_nothing_and_doubles_no_more_than_it_had_no_answer_to(
    parts: RestartableSystem, customer: Customer, operator: Smsc, numbers: Numbers
) -> None:
    traffic = Traffic(customer, numbers)
    await _kill_under(traffic, parts, operator, SENDER)
    states = await customer.settled(list(traffic.promised.values()), UNKNOWN + SETTLE)
    assert Counter(states.values()) == {"delivered": len(traffic.promised)}
    taken = await traffic.times_taken(operator)
    assert {taken[number] for number in traffic.promised} <= {1, 2}
    assert sum(count - 1 for count in taken.values()) <= UNRESOLVED


async def test_services_asked_to_stop_finish_their_work_in_time_and_nothing_is_lost(
    parts: RestartableSystem, customer: Customer, operator: Smsc, numbers: Numbers
) -> None:
    traffic = Traffic(customer, numbers)
    async with traffic.flowing(at_least=500):
        for name in reversed(SERVICE_NAMES):
            await _some_taken(operator, 40)
            process = parts.services[name].process
            process.signal_stop()
            assert await parts.ended(name, DRAIN) == 0, process.last_words()
            await parts.restart(name)
    states = await customer.settled(list(traffic.promised.values()), SETTLE)
    assert Counter(states.values()) == {"delivered": len(traffic.promised)}
    taken = await traffic.times_taken(operator)
    assert {taken[number] for number in traffic.promised} == {1}
    assert max(taken.values()) == 1


async def _kill_under(traffic: Traffic, parts: RestartableSystem, operator: Smsc, name: str) -> None:
    """Let messages flow, kill a service in the middle of them, and start it again."""
    async with traffic.flowing(at_least=200):
        await _some_taken(operator, 40)
        parts.services[name].process.kill()
        await parts.restart(name)


async def _some_taken(operator: Smsc, count: int) -> None:
    """Wait until the operator took more messages."""
    before = (await operator.counters())["taken"]

    async def there() -> bool:
        return (await operator.counters())["taken"] >= before + count

    await wait_until(there, SETTLE, waiting_for=f"{count} more messages at the operator")
