"""A run before an operator of one's own, beside the run of the other tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.plan import with_health_port
from deploy.local.ports import free_port
from deploy.local.service import Service
from tests.acceptance.customer import customer_of
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System, read_env
from tests.running import START, Run
from tests.support import wait_until

OPERATORS = """
operators:
  berg:
    links:
      - {{name: berg-1, host: 127.0.0.1, port: {port}, system_id: us, password_file: {password}}}
routes:
  - {{prefix: "+", operator: berg}}
"""
PASSWORD = "hemmelig"


@pytest.fixture
def smpp_port() -> int:
    return free_port()


@pytest.fixture
async def berg(tmp_path: Path, smpp_port: int) -> AsyncIterator[Smsc]:
    """An operator that no run knows of, and who lets in nobody but us."""
    control_port = free_port()
    options = f"--name berg --smpp-port {smpp_port} --control-port {control_port} --system-id us --password {PASSWORD}"
    service = Service(
        "berg",
        ("simulators.smsc", *options.split()),
        ports={"smpp": smpp_port, "control": control_port},
        probe=f"http://127.0.0.1:{control_port}",
        environment=with_health_port({}, 0),
        logs=tmp_path,
        processes=tmp_path,
    )
    service.start()
    try:
        service.process.wait_ready(service.ready, START)
        async with Smsc.at(f"http://127.0.0.1:{control_port}") as smsc:
            yield smsc
    finally:
        service.process.kill()


@pytest.fixture
def own(tmp_path: Path, smpp_port: int, berg: Smsc) -> Iterator[Run]:
    """A run that is told of this operator."""
    operators, password = tmp_path / "my.yaml", tmp_path / "password"
    password.write_text(PASSWORD)
    operators.write_text(OPERATORS.format(port=smpp_port, password=password))
    run = Run(tmp_path, operators)
    yield run
    run.kill()


async def test_a_run_with_an_own_operators_file_sends_through_it_and_nothing_by_itself(
    own: Run, berg: Smsc, system: System, fjord: Smsc, numbers: Numbers
) -> None:
    own.start()
    own.wait_ready()
    assert own.said("✓ delivered")
    assert own.said("No simulators")
    assert not [name for name in own.stamps() if name.startswith("smsc")]
    told = read_env(own.local_env)
    assert not [name for name in told if "SMSC" in name]

    async def bound() -> bool:
        return (await berg.counters())["sessions"] == 1

    await wait_until(bound, 30.0)
    assert await berg.taken() == []
    to = numbers.norwegian()
    async with customer_of(told["BUDSTIKKE_API"], told["BUDSTIKKE_KEY"]) as customer:
        message = await customer.delivered(await customer.send_one(to, "Hei"))
    assert message["part_states"][0]["operator"] == "berg"
    assert len(await berg.taken_for(to)) == 1
    assert await fjord.taken_for(to) == []
    assert own.stop() == 0, own.output.read_text()
    assert own.ports_are_free()
