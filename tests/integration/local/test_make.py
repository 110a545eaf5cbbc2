"""The Makefile and `deploy.local` mean the same run, by its first port alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.settings import ROOT, read
from deploy.local.tour.steps import STEPS
from tests.running import free_base, holding

STATE = ("data", "data-own", "log", "keys", "run")


@pytest.fixture
def base() -> Iterator[str]:
    base = str(free_base())
    yield base
    make("clean", f"PORT_BASE={base}")


def make(*arguments: str, code: int = 0, **variables: str) -> str:
    """What `make` says, in a shell that knows of no run."""
    known = {"PORT_BASE", "VAR", "OPERATORS", "ROLES", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in known} | variables
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_stop_ends_the_run_of_its_port_and_clean_forgets_it(base: str) -> None:
    var = ROOT / "var" / base
    for folder in STATE:
        (var / folder).mkdir(parents=True)
    (var / "kafka-demo.env").touch()
    with holding(var) as run:
        assert make("stop", f"PORT_BASE={base}") == "stopped\n"
        assert run.wait(10) == 0
    assert make("clean", f"PORT_BASE={base}") == "nothing runs here\n"
    assert not var.exists()


def test_clean_leaves_what_is_not_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "mine.txt").touch()
    make("clean", f"VAR={tmp_path}")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_run_whose_operators_file_is_refused_leaves_nothing(base: str) -> None:
    assert "nope.yaml" in make("run", f"PORT_BASE={base}", "OPERATORS=nope.yaml", code=2)
    assert not (ROOT / "var" / base).exists()


def test_a_step_of_the_tour_that_is_not_there_is_answered_with_those_that_are(base: str) -> None:
    said = make("demo-nothing", f"PORT_BASE={base}", code=2)
    assert all(f"demo-{step}" in said for step in STEPS)
    assert "Traceback" not in said


@pytest.mark.parametrize("given", [{}, {"PORT_BASE": "21000"}, {"VAR": "var2"}, {"VAR": "", "PORT_BASE": "21000"}])
def test_clean_forgets_in_the_folder_of_the_run_alone(given: dict[str, str]) -> None:
    (command,) = [line for line in make("-n", "clean", **given).splitlines() if line.startswith("rm -rf")]
    forgotten = [ROOT / Path(word) for word in command.split()[2:]]
    assert {path.parent for path in forgotten} == {read(given).var}
    settings = read(given)
    assert {settings.keys, settings.logs, settings.processes, settings.operators, settings.environment} < set(forgotten)
    assert {settings.data, read(given | {"OPERATORS": "my.yaml"}).data} < set(forgotten)


def test_whatever_is_promised_has_something_to_do() -> None:
    (promised,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY: ")]
    assert "Nothing to be done" not in make("-n", *promised.split()[1:])
