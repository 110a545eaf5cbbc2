"""The tour of `make run`, and each of its steps again alone."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

from deploy.local.settings import ROOT
from deploy.local.tour.steps import STEPS
from tests.acceptance.system import System
from tests.running import Run

ENDS = {
    "message": r"✓ accepted +\d+ ms\n.*✓ queued +\d+ ms\n.*✓ submitted +\d+ ms\n.*✓ delivered +\d+ ms",
    "hold": r"✓ approved .*\n.*✓ submitted .*\n.*✓ delivered ",
    "charge": r"✓ refunded .*\n.*✓ books .* 0\.00$",
    "erase": r"✓ erased +rows: .*\bdlr [1-9].*\n.*✓ proof ",
    "invoice": r"✓ invoice 1\d{5} .*(?:\n.*)+ SMS, Norge, .*(?:\n.*)+ to pay ",
}


def test_every_step_has_its_end_here() -> None:
    assert ENDS.keys() == STEPS.keys()


def test_a_run_shows_all_of_it_in_less_than_a_minute(run: Run) -> None:
    output = run.output.read_text()
    for step, end in ENDS.items():
        assert re.search(re.escape(STEPS[step].title) + r"(?:\n.*)*?" + end, output, re.MULTILINE), output
    took = re.search(r"✓ the tour +took (\d+\.\d) s", output)
    assert took is not None, output
    assert float(took.group(1)) < 60


@pytest.mark.parametrize("step", STEPS)
async def test_a_step_can_be_shown_again(step: str, run: Run, system: System) -> None:
    shown = await asyncio.create_subprocess_exec(
        "make",
        f"demo-{step}",
        f"VAR={run.var}",
        f"PORT_BASE={run.base}",
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await asyncio.wait_for(shown.communicate(), 120))[0].decode()
    assert shown.returncode == 0, output
    assert re.search(ENDS[step], output, re.MULTILINE), output
