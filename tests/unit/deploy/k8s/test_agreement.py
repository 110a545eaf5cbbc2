"""What the manifests say twice, or say after the code, is the same in both places."""

from __future__ import annotations

import re
from typing import Any

import yaml
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from deploy.k8s.roles import BASE, COMMON
from deploy.local.settings import ROOT
from shared.contracts.topics import PRODUCTION
from shared.http import probes
from shared.lifecycle import Health

COMPONENTS = BASE.parent / "components"


def settings() -> dict[str, str]:
    lines = (BASE / COMMON / "settings.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def deployment(folder: str) -> Any:
    return yaml.safe_load((BASE.parent / folder / "deployment.yaml").read_text(encoding="utf-8"))["spec"]


def ports(component: str) -> dict[str, int]:
    (container,) = deployment(f"components/{component}")["template"]["spec"]["containers"]
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def test_processes_listen_where_the_pods_say() -> None:
    told = {name: int(value) for name, value in settings().items() if name.endswith("_PORT")}
    assert {"health": told.pop("BUDSTIKKE_HEALTH_PORT")} == ports("role")
    assert set(told.values()) == set(ports("server").values())
    exposed = re.search(r"^EXPOSE (.+)$", (ROOT / "deploy/image/Dockerfile").read_text(), re.MULTILINE)
    assert exposed
    assert {int(port) for port in exposed[1].split()} == {*ports("role").values(), *ports("server").values()}


def test_the_probes_ask_for_what_every_process_answers() -> None:
    routes = probes(lambda: Health(ready=True), CollectorRegistry()).routes
    (container,) = deployment("components/role")["template"]["spec"]["containers"]
    asked = {container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert asked <= {route.path for route in routes if isinstance(route, Route)}


def test_the_owners_of_data_are_called_by_the_names_of_their_services() -> None:
    for name, url in settings().items():
        if name.endswith("_API"):
            service = name.removeprefix("BUDSTIKKE_").removesuffix("_API").lower()
            assert url == f"http://{service}-api:{ports('server')['http']}"
            assert (BASE / service / "api").is_dir()


def test_message_topics_have_as_many_partitions_as_the_processes_expect() -> None:
    assert settings()["BUDSTIKKE_MESSAGE_PARTITIONS"] == str(PRODUCTION.message_partitions)


def test_no_transactional_process_has_more_than_twelve_partitions_of_three_lanes() -> None:
    for role in ("ingest/screening", "dispatch/router"):
        assert deployment(f"base/{role}")["replicas"] * 12 >= 3 * PRODUCTION.message_partitions


def test_limits_without_valkey_are_shared_by_as_many_doors_as_there_may_be() -> None:
    autoscaler = yaml.safe_load((BASE / "ingest/api/autoscaler.yaml").read_text(encoding="utf-8"))
    doors = autoscaler["spec"]["maxReplicas"] + deployment("base/ingest/clients")["replicas"]
    assert settings()["BUDSTIKKE_API_PROCESSES"] == str(doors)


def test_the_example_says_of_whom_its_passwords_are() -> None:
    operators = yaml.safe_load((BASE.parent / "overlays/production-example/services/operators.yaml").read_text())
    files = {name: one["links"][0]["password_file"] for name, one in operators["operators"].items()}
    assert files == {name: f"/run/secrets/operators/{name}" for name in operators["operators"]}
