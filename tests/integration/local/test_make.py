"""The Makefile and `deploy.local` mean the same run, by its first port alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.settings import ROOT, read
from tests.running import free_base, holding

STATE = ("data", "data-own", "log", "keys", "run")


@pytest.fixture
def base() -> Iterator[str]:
    base = str(free_base())
    yield base
    make("clean", f"PORT_BASE={base}")
    (ROOT / "var" / base).rmdir()


def make(*arguments: str, **variables: str) -> str:
    """What `make` says, in a shell that knows of no run."""
    known = {"PORT_BASE", "VAR", "OPERATORS", "ROLES", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in known} | variables
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_stop_ends_the_run_of_its_port_and_clean_forgets_it(base: str) -> None:
    var = ROOT / "var" / base
    for folder in STATE:
        (var / folder).mkdir(parents=True)
    with holding(var) as run:
        assert make("stop", f"PORT_BASE={base}") == "stopped\n"
        assert run.wait(10) == 0
    assert make("clean", f"PORT_BASE={base}") == "nothing runs here\n"
    assert list(var.iterdir()) == []


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
