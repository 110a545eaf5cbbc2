"""Every command of the README does what the README says."""

from __future__ import annotations

import re

import pytest

from deploy.local.settings import ROOT
from tests.acceptance.pages import bash, blocks, known, links
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System

README = ROOT / "README.md"
BLOCKS = blocks(README)
ENV = "set -a; source var/local.env; set +a"


def make(target: str) -> str:
    """The recipe of a target, as make would run it."""
    (recipe,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return str(recipe)


def test_make_run_is_what_the_system_of_these_tests_runs_as() -> None:
    commands = [line.partition("#")[0].strip() for line in BLOCKS[0].splitlines()]
    assert commands == ["make run", "make test"]
    assert "python -m deploy.local run" in make("run")


def test_make_test_is_what_continuous_integration_runs() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert lines[-1] == "exec make test"
    assert re.search(r"pytest .*\$\(ARGS\)", make("test"))


async def test_the_commands_run_one_after_the_other(system: System, fjord: Smsc) -> None:
    code, output = await bash("\n".join(BLOCKS[1:]), {ENV: known(system)})
    assert code == 0, output
    assert '"code":' not in output, output
    for number in ("+4790000001",):
        assert output.count(number) >= 2, output
    assert "delivered" in output
    assert '"receipt_delay_ms":2000' in output
    assert b"Koden din er 1234".hex() in output


@pytest.mark.parametrize("block", BLOCKS[1:], ids=range(1, len(BLOCKS)))
async def test_each_block_runs_alone_once_the_addresses_are_known(system: System, fjord: Smsc, block: str) -> None:
    code, output = await bash(f"{known(system)}\n" + block.replace(ENV, ""))
    assert code == 0, output


def test_every_link_of_the_readme_leads_to_a_file() -> None:
    assert [target for target in links(README) if not target.exists()] == []
