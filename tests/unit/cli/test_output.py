from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli import output
from cli.answers import Message
from cli.exits import Exit
from tests.unit.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("environment", "terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(environment: dict[str, str], terminal: bool, wanted: bool) -> None:
    assert output.wants_colour(environment, terminal) is wanted


@pytest.mark.parametrize(("state", "colour"), [("delivered", "32"), ("failed", "31"), ("queued", None)])
def test_a_final_state_has_its_colour(state: str, colour: str | None) -> None:
    line = output.change(Message(id="a", to="b", state=state, final=True), colour=True)
    assert line == (f"\x1b[{colour}ma  b  {state}\x1b[0m" if colour else f"a  b  {state}")


@pytest.mark.parametrize("command", [(), ("send",), ("status",)])
def test_help_documents_every_exit_code(budstikke: Run, command: tuple[str, ...]) -> None:
    text = budstikke(*command, "--help").stdout
    assert all(f"\n    {code.value}  " in text for code in Exit)


def test_help_of_the_whole_and_of_both_its_commands_shows_examples(budstikke: Run) -> None:
    assert "budstikke send --to +4790000001 --text 'Hei' --wait" in budstikke("--help").stdout
    assert "--text - < letter.txt" in budstikke("send", "--help").stdout
    assert "5d2c9e41a006 --watch --json\n" in budstikke("status", "--help").stdout


def test_the_package_runs_as_a_module() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cli", "--help"], cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    assert b"Usage: budstikke" in ended.stdout
