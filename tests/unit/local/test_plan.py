"""The plan: every process has ports of its own, and files that name them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deploy.local import plan
from deploy.local.settings import LocalSettings, Port


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    return LocalSettings(port_base=21000, var=tmp_path / "var")


def test_no_port_is_given_twice() -> None:
    used = [port for entry in plan.SERVICES for port in (entry.health, *entry.serves)]
    used += [port for operator in plan.OPERATORS for port in (operator.smpp, operator.control)]
    assert len(used) == len(set(used))


def test_the_operators_file_names_the_simulators_ports(settings: LocalSettings) -> None:
    plan.write_operators(settings)
    written = yaml.safe_load(settings.operators.read_text())
    ports = {name: operator["links"][0]["port"] for name, operator in written["operators"].items()}
    assert ports == {"fjord": settings.port(Port.FJORD_SMPP), "tinde": settings.port(Port.TINDE_SMPP)}
    assert {route["operator"] for route in written["routes"]} == {operator.name for operator in plan.OPERATORS}


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
