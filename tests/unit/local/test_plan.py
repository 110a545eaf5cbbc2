"""The plan: every process has ports of its own, and files that name them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml

from deploy.k8s import roles
from deploy.local import plan, topics
from deploy.local.processes import process_with, processes
from deploy.local.settings import ROLE_HEALTH, LocalSettings, Port
from shared.errors import BadSettings

OWN = """
operators:
  berg:
    links:
      - {{name: berg-1, host: 127.0.0.1, port: 2775, system_id: us, password_file: {password}}}
routes:
  - {{prefix: "+", operator: berg}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    return LocalSettings(port_base=21000, var=tmp_path / "var")


@pytest.fixture
def split(settings: LocalSettings) -> LocalSettings:
    """The same run, with a process per role."""
    return msgspec.structs.replace(settings, split=True)


@pytest.mark.parametrize("run", ["settings", "split"])
def test_no_port_is_given_twice(run: str, request: pytest.FixtureRequest) -> None:
    taken = plan.ports(request.getfixturevalue(run)).values()
    assert len(set(taken)) == len(taken)


def test_every_role_of_every_service_runs_in_one_process(settings: LocalSettings, split: LocalSettings) -> None:
    every = sorted((f"services.{role.service}", role.name) for role in roles.folders())
    for run in (settings, split):
        assert (
            sorted((placed.arguments[0], role) for placed in processes(run) for role in placed.arguments[1:]) == every
        )
    assert {len(placed.arguments) for placed in processes(split)} == {2}


def test_a_split_run_has_a_process_per_role_with_probes_and_files_of_its_own(split: LocalSettings) -> None:
    told = plan.environment(split, kafka="k", mongodb="m", valkey="v")
    services = plan.services(split, told)
    assert len({service.process.name for service in services}) == len(services) == len(roles.folders())
    sender = process_with(split, "dispatch", "sender")
    assert (sender.name, sender.arguments) == ("dispatch.sender", ("services.dispatch", "sender"))
    assert sender.ports == {"health": sender.health}
    assert sender.health >= split.port_base + ROLE_HEALTH
    assert process_with(split, "dlr", "api").ports["dlr_api"] == split.port(Port.DLR_API)


def test_a_split_run_serves_at_the_same_addresses(settings: LocalSettings, split: LocalSettings) -> None:
    told, told_split = (plan.environment(run, kafka="k", mongodb="m", valkey="v") for run in (settings, split))
    assert told == told_split


def test_the_operators_file_names_the_simulators_ports(settings: LocalSettings) -> None:
    plan.write_operators(settings)
    written = yaml.safe_load(settings.operators.read_text())
    ports = {name: operator["links"][0]["port"] for name, operator in written["operators"].items()}
    assert ports == {"fjord": settings.port(Port.FJORD_SMPP), "tinde": settings.port(Port.TINDE_SMPP)}
    assert {route["operator"] for route in written["routes"]} == {operator.name for operator in plan.OPERATORS}


@pytest.fixture
def own(tmp_path: Path) -> LocalSettings:
    """A run with an own operators file."""
    path, password = tmp_path / "my.yaml", tmp_path / "password"
    password.write_text("hemmelig\n")
    path.write_text(OWN.format(password=password))
    return LocalSettings(port_base=21000, var=tmp_path / "var", own_operators=path)


def test_an_own_operators_file_is_copied_and_no_simulator_starts(own: LocalSettings) -> None:
    plan.write_operators(own)
    assert own.own_operators is not None
    assert own.operators.read_text() == own.own_operators.read_text()
    assert plan.simulators(own) == []
    assert {port.name for port in Port if own.port(port) not in plan.ports(own).values()} == {
        "FJORD_SMPP",
        "FJORD_CONTROL",
        "TINDE_SMPP",
        "TINDE_CONTROL",
        "STREX",
        "STREX_CONTROL",
        "STREX_REPORTS",
    }


def test_the_topics_are_those_of_the_operators_in_the_file(own: LocalSettings, settings: LocalSettings) -> None:
    plan.write_operators(own)
    assert topics.catalogue(own).operators == ("berg",)
    plan.write_operators(settings)
    assert topics.catalogue(settings).operators == ("fjord", "tinde")


def test_a_bad_operators_file_leaves_the_one_that_is_there(own: LocalSettings) -> None:
    plan.write_operators(own)
    before = own.operators.read_text()
    assert own.own_operators is not None
    own.own_operators.write_text("operators: {}\nroutes: []\n")
    with pytest.raises(BadSettings, match=r"my\.yaml: no operator"):
        plan.write_operators(own)
    assert own.operators.read_text() == before


def test_with_own_operators_nothing_is_told_of_simulators(own: LocalSettings, settings: LocalSettings) -> None:
    told, told_with = (plan.environment(each, kafka="k", mongodb="m", valkey="v") for each in (own, settings))
    strex = {"URL", "KEY", "KEY_NAME", "PORT", "REPORTS"}
    assert told_with.keys() - told.keys() == {
        "BUDSTIKKE_SMSC_PASSWORD",
        "BUDSTIKKE_PREMIUM_AGREEMENTS",
        "BUDSTIKKE_PREMIUM_EXPORT",
        "BUDSTIKKE_PREMIUM_EXPORT_KEY",
        *(f"BUDSTIKKE_STREX_{name}" for name in strex),
    }
    public, public_with = plan.public(own, told, "key", "staff"), plan.public(settings, told_with, "key", "staff")
    assert public_with.keys() - public.keys() == {
        "BUDSTIKKE_SMSC_CONTROL",
        "BUDSTIKKE_SMSC_CONTROL_2",
        "BUDSTIKKE_STREX_CONTROL",
    }


def test_secrets_are_the_same_in_every_process_and_every_start(settings: LocalSettings) -> None:
    first, second = (plan.environment(settings, kafka="k", mongodb="m", valkey="v") for _ in range(2))
    assert first == second
    assert len(Path(first["BUDSTIKKE_INTERNAL_SECRET"]).read_text()) >= 32


def test_the_public_file_holds_the_two_keys_and_no_other_secret(settings: LocalSettings) -> None:
    told = plan.environment(settings, kafka="k", mongodb="m", valkey="v")
    public = plan.public(settings, told, "the-key", "the-staff-key")
    assert public["BUDSTIKKE_KEY"] == "the-key"
    assert public["BUDSTIKKE_STAFF_KEY"] == "the-staff-key"
    assert public["BUDSTIKKE_API"] == "http://127.0.0.1:21000"
    secrets = {Path(told["BUDSTIKKE_INTERNAL_SECRET"]).read_text(), told["BUDSTIKKE_SMSC_PASSWORD"]}
    assert not secrets & set(public.values())


def test_a_shell_with_a_clients_credentials_hands_none_of_them_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "PASSWORD", "CA"):
        monkeypatch.setenv(f"BUDSTIKKE_KAFKA_{name}", "client-demo")
    monkeypatch.setenv("BERG_PASSWORD", "hemmelig")
    handed = plan.with_health_port({"BUDSTIKKE_KAFKA": "k"}, 0)
    assert {name for name in handed if name.startswith("BUDSTIKKE_KAFKA")} == {"BUDSTIKKE_KAFKA"}
    assert handed["BERG_PASSWORD"] == "hemmelig"
