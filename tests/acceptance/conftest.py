"""The whole system, once a session: every process as `make run` starts them, and what a customer has in hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.process import start_time
from tests.acceptance.customer import Customer, customer_of
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System
from tests.running import Run

_HERE = Path(__file__).parent
_SECONDS = 400  # the first test of a session waits for the whole system


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_SECONDS))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`make run`, ready; at the end it stops in order, and nothing of it is left."""
    run = Run(tmp_path_factory.mktemp("system"))
    run.start()
    try:
        run.wait_ready()
        children = run.stamps()
        yield run
        assert run.stop() == 0, run.output.read_text()
        assert not run.local_env.exists()
        assert run.stamps() == {}
        assert [name for name, child in children.items() if start_time(child.pid) == child.started] == []
        assert run.ports_are_free()
    finally:
        run.kill()


@pytest.fixture(scope="session")
def system(run: Run) -> System:
    """Where everything is."""
    return System.of(run)


@pytest.fixture(scope="session")
def numbers() -> Numbers:
    """Numbers that no other test sends to."""
    return Numbers()


@pytest.fixture
async def api(system: System) -> AsyncIterator[Customer]:
    """The demo account at the front door."""
    async with customer_of(system.api, system.key) as customer:
        yield customer


@pytest.fixture
async def fjord(system: System) -> AsyncIterator[Smsc]:
    """The operator of Norwegian numbers, well-behaved and quick with receipts."""
    async with Smsc.at(system.fjord) as smsc:
        yield smsc


@pytest.fixture
async def tinde(system: System) -> AsyncIterator[Smsc]:
    """The operator of all other numbers, as well-behaved."""
    async with Smsc.at(system.tinde) as smsc:
        yield smsc
