"""The manifests are good, and the check would notice if they were not: with real kubectl, kubeconform and hadolint."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from deploy.k8s.checks import dockerfile
from deploy.k8s.checks.__main__ import FOLDER, by_rules, overlooked
from deploy.k8s.checks.faults import FAULTS, Fault
from deploy.k8s.checks.manifests import Manifest, manifests
from deploy.k8s.checks.modules import fetch_definitions
from deploy.k8s.checks.rendering import against_schemas, render
from deploy.k8s.checks.rules.links import references, secrets_used
from deploy.k8s.checks.schemas import VERSIONS
from deploy.k8s.checks.tools import LISTS, Tools, ensure, lacking
from deploy.k8s.roles import folders
from shared.errors import Fatal, Refused

README = (FOLDER / "README.md").read_text(encoding="utf-8")
OVERLAY = FOLDER / "overlays/production-example"
pytestmark = pytest.mark.timeout(600)  # the first time, tools are fetched and built


@pytest.fixture(scope="module")
def tools() -> Tools:
    """Fetched once, then from the checkout's cache."""
    if lack := lacking():
        pytest.skip(lack)
    return ensure(print)


@pytest.fixture(scope="module")
def documents(tools: Tools) -> list[Manifest]:
    """What the example overlay applies."""
    return render(tools, OVERLAY)


def test_the_example_passes_the_schemas_and_the_rules(tools: Tools, documents: list[Manifest]) -> None:
    assert list(map(str, against_schemas(tools, documents))) == []
    assert list(map(str, by_rules(documents))) == []


def test_every_role_is_deployed_by_it(documents: list[Manifest]) -> None:
    assert manifests(documents).names("Deployment") == {f"{role.service}-{role.name}" for role in folders()}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_planted_fault_is_found(fault: Fault, tools: Tools, documents: list[Manifest]) -> None:
    assert not overlooked(tools, documents, fault)


def test_a_kustomization_that_cannot_be_built_is_refused(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [gone.yaml]\n")
    with pytest.raises(Refused, match=r"gone\.yaml"):
        render(tools, tmp_path)


def test_the_dockerfile_is_clean_and_its_planted_faults_are_found(tools: Tools) -> None:
    assert list(map(str, dockerfile.lint(tools, dockerfile.DOCKERFILE.read_text(encoding="utf-8")))) == []
    assert dockerfile.missed(tools) == []


def test_the_page_names_every_secret_that_pods_take(documents: list[Manifest]) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `([^|]+)` \|", README, re.MULTILINE)
    told = {(name, key) for name, keys in rows for key in keys.strip("`").split("`, `")}
    world = manifests(documents)
    strimzis = world.names("KafkaUser") | {"budstikke-cluster-ca-cert"}
    used = {pair for pair in secrets_used(world) if pair[0] not in strimzis}
    assert {name for name, _ in used} == {name for name, _ in told}
    assert {pair for pair in used if pair[1]} <= told


def test_one_service_alone_is_applied_as_the_page_says(tools: Tools, tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(# my-overlay/kustomization\.yaml\n.+?)```", README, re.DOTALL)
    kustomization = yaml.safe_load(example)
    up = Path(*[".."] * (len(tmp_path.resolve().parts) - 1))
    resources = [
        str(up / (FOLDER / "overlays/mine" / name).resolve().relative_to("/")) if name.startswith("..") else name
        for name in kustomization["resources"]
    ]
    for name in ("settings.env", "operators.yaml", "operators-network.yaml", "finance/agreements.yaml"):
        (tmp_path / Path(name).name).write_bytes((OVERLAY / "services" / name).read_bytes())
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization | {"resources": resources}))
    made = render(tools, tmp_path)
    assert list(map(str, against_schemas(tools, made, VERSIONS[:1]))) == []
    assert list(map(str, references(manifests(made)))) == []
    named = manifests(made).names("Deployment")
    assert named == {f"dispatch-{role.name}" for role in folders() if role.service == "dispatch"}


def test_every_role_on_kafka_logs_in_as_a_user_that_there_is(documents: list[Manifest]) -> None:
    world = manifests(documents)
    logins = {one.where: one.environment().get("BUDSTIKKE_KAFKA_USER") for one in world.deployed}
    assert {where: user for where, user in logins.items() if user and where != f"Deployment {user}"} == {}
    assert set(filter(None, logins.values())) <= world.names("KafkaUser")


def test_definitions_that_are_others_than_those_named_are_refused(tools: Tools, tmp_path: Path) -> None:
    line = next(line for line in (LISTS / "modules.txt").read_text().splitlines() if not line.startswith("#"))
    (tmp_path / "modules.txt").write_text(line.replace("h1:", "h1:x"))
    with pytest.raises(Fatal, match=r"is not what modules\.txt names"):
        fetch_definitions(tmp_path / "modules.txt", tmp_path / "definitions")
