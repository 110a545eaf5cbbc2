"""What the welcome shows can be pasted: before real operators it reaches nobody unasked."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from deploy.local.settings import ROOT, LocalSettings
from deploy.local.terminal import Terminal
from deploy.local.welcome import next_steps

SIMULATORS = LocalSettings(port_base=20000, var=ROOT / "var")
OWN = LocalSettings(port_base=21000, var=ROOT / "var/21000", own_operators=Path("/etc/my.yaml"))


def welcome(settings: LocalSettings) -> str:
    said = io.StringIO()
    next_steps(settings, Terminal(said, {}))
    return said.getvalue()


def test_with_simulators_it_shows_what_they_took() -> None:
    said = welcome(SIMULATORS)
    assert "$BUDSTIKKE_SMSC_CONTROL/messages" in said
    assert "source var/local.env" in said
    assert "`make stop`" in said


def test_with_own_operators_it_says_so_and_sends_nothing_real() -> None:
    said = welcome(OWN)
    assert "No simulators: the operators are those of /etc/my.yaml. What you send is real." in said
    assert "SMSC_CONTROL" not in said
    bodies = re.findall(r"-d '(.*)'", said)
    assert bodies
    assert all('"test": true' in body for body in bodies)
    assert re.findall("--to (.*?) --", said) == ['"<number>"']


@pytest.mark.parametrize(
    "word", ["source var/21000/local.env", "tail -f var/21000/log/", "`make stop PORT_BASE=21000`"]
)
def test_a_second_run_shows_its_own_files_and_its_own_end(word: str) -> None:
    assert word in welcome(OWN)
