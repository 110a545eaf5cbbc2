"""Two settings place a run, the first port and the data folder; others say whom it sends through, and of how many
processes it is.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.instance import PID_FILES
from deploy.local.settings import ROOT, Port, read
from shared.errors import BadSettings


def test_the_defaults() -> None:
    settings = read({"PORT_BASE": "", "VAR": "", "OPERATORS": ""})
    assert settings.port(Port.API) == 20000
    assert settings.var == ROOT / "var"
    assert settings.own_operators is None


def test_all_ports_move_with_the_base() -> None:
    settings = read({"PORT_BASE": "21000"})
    assert settings.url(Port.DLR_API) == "http://127.0.0.1:21001"
    assert {settings.port(port) - port for port in Port} == {21000}


@pytest.mark.parametrize(("given", "expected"), [("var2", ROOT / "var2"), ("/tmp/x", Path("/tmp/x"))])
def test_the_data_folder_is_seen_from_the_checkout(given: str, expected: Path) -> None:
    assert read({"VAR": given}).var == expected


def test_another_base_is_another_run_whose_jars_are_the_same() -> None:
    first, second = read({}), read({"PORT_BASE": "21000"})
    assert second.var == ROOT / "var/21000"
    assert first.jars == second.jars
    assert not {first.data, first.keys, first.logs, first.processes, first.environment} & set(second.var.parents)


def test_what_ends_one_run_leaves_the_processes_of_the_other_alone() -> None:
    first, second = read({}), read({"PORT_BASE": "21000"})
    assert (first.processes / "one.pid").relative_to(first.var).match(PID_FILES)
    for folder in (second.processes, second.data):
        assert len((folder / "one.pid").relative_to(first.var).parts) > len(Path(PID_FILES).parts)


@pytest.mark.parametrize(("given", "expected"), [("my.yaml", ROOT / "my.yaml"), ("/tmp/my.yaml", Path("/tmp/my.yaml"))])
def test_an_own_operators_file_is_seen_from_the_checkout(given: str, expected: Path) -> None:
    assert read({"OPERATORS": given}).own_operators == expected


def test_what_waits_for_simulators_lies_apart_from_what_waits_for_real_operators() -> None:
    assert read({}).data != read({"OPERATORS": "my.yaml"}).data


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ({}, "make stop"),
        ({"PORT_BASE": "21000"}, "make stop PORT_BASE=21000"),
        ({"VAR": "/tmp/a b"}, "make stop 'VAR=/tmp/a b'"),
        ({"PORT_BASE": "21000", "VAR": str(ROOT / "var/21000")}, "make stop PORT_BASE=21000"),
    ],
)
def test_a_run_knows_the_command_that_reaches_it(given: dict[str, str], command: str) -> None:
    assert read(given).make("stop") == command


def test_a_run_is_split_into_its_roles_or_not() -> None:
    assert not read({}).split
    assert not read({"ROLES": ""}).split
    assert read({"ROLES": "split"}).split
    with pytest.raises(BadSettings, match="ROLES is split, or not given"):
        read({"ROLES": "spilt"})


@pytest.mark.parametrize("given", ["80", "65500", "many", "-1", "2e4"])
def test_a_base_that_gives_no_ports_is_refused(given: str) -> None:
    with pytest.raises(BadSettings, match="PORT_BASE"):
        read({"PORT_BASE": given})
