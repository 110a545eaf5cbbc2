"""Every role of every service has its manifest, and the manifest gives the role what its settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.k8s import roles
from deploy.k8s.roles import BASE, COMMON, Role, components_of, folders, settings_of
from deploy.local.settings import ROOT
from shared.settings import PREFIX

K8S = ROOT / "deploy/k8s"
FOLDERS = folders()
EVERY_ROLE = pytest.mark.parametrize("role", FOLDERS, ids="-".join)
OVERLAYS = sorted(path.parent for path in (K8S / "overlays").glob("*/services"))
EVERY_OVERLAY = pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def container(folder: Path) -> Any:
    """What a folder says of the one container; nothing, if it says nothing of it."""
    pod = read(folder / "deployment.yaml")["spec"]["template"].get("spec", {})
    (one,) = pod.get("containers") or [{}]
    return one


def components(role: Role) -> list[str]:
    return [Path(path).name for path in read(role.folder / "kustomization.yaml")["components"]]


def variables(path: Path) -> set[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.partition("=")[0] for line in lines if line and not line.startswith("#")}


def known(role: Role) -> set[str]:
    return {PREFIX + name.upper() for name in settings_of(role).model_fields}


def given(role: Role) -> set[str]:
    """Names of the variables that a role is told by its own manifest and its components."""
    places = [role.folder, *(K8S / "components" / name for name in components(role))]
    return {variable["name"] for place in places for variable in container(place).get("env") or ()}


def test_every_role_has_a_folder_and_every_folder_is_of_a_role() -> None:
    wanted = set(roles.roles())
    lacking = sorted(wanted - set(FOLDERS))
    assert lacking == [], (
        "run `python -m deploy.k8s.roles`, think of the sizes in each new deployment.yaml, and name a new service in "
        "base/kustomization.yaml and in the overlay"
    )
    assert sorted(set(FOLDERS) - wanted) == [], "take away the folder of a role that is gone"


def test_all_of_them_are_applied() -> None:
    services = {role.service for role in FOLDERS}
    for service in services:
        applied = read(BASE / service / "kustomization.yaml")["resources"]
        assert sorted(applied) == sorted(role.name for role in FOLDERS if role.service == service)
    assert set(read(BASE / "kustomization.yaml")["resources"]) == {COMMON, *services}


@EVERY_OVERLAY
def test_an_overlay_gives_every_service_its_image(overlay: Path) -> None:
    images = {image["name"] for image in read(overlay / "services/kustomization.yaml")["images"]}
    assert {f"budstikke/{role.service}" for role in FOLDERS} <= images


@EVERY_ROLE
def test_a_role_runs_its_services_image_under_its_own_name(role: Role) -> None:
    one, kustomization = container(role.folder), read(role.folder / "kustomization.yaml")
    (labels,) = kustomization["labels"]
    assert (one["name"], one["image"]) == ("role", f"budstikke/{role.service}")
    assert one["args"] == [f"services.{role.service}", role.name]
    assert read(role.folder / "deployment.yaml")["metadata"]["name"] == f"{role.service}-{role.name}"
    assert labels["pairs"] == {"app.kubernetes.io/name": role.service, "app.kubernetes.io/component": role.name}


@EVERY_ROLE
def test_a_role_reaches_what_its_settings_name_and_nothing_else(role: Role) -> None:
    assert components(role) == components_of(settings_of(role)), "run `python -m deploy.k8s.roles`"


@EVERY_ROLE
def test_a_role_is_told_all_that_it_asks_for_and_nothing_it_does_not_know(role: Role) -> None:
    fields = settings_of(role).model_fields
    required = {PREFIX + name.upper() for name, field in fields.items() if field.is_required()}
    for overlay in OVERLAYS:
        common = variables(BASE / COMMON / "settings.env") | variables(overlay / "services/settings.env")
        assert required - given(role) - common == set()
    assert given(role) - known(role) == set()


@EVERY_ROLE
def test_a_role_is_given_every_file_and_falls_back_on_no_example(role: Role) -> None:
    files = {name for name, field in settings_of(role).model_fields.items() if "Path" in str(field.annotation)}
    assert {PREFIX + name.upper() for name in files} - given(role) == set()


def test_the_common_settings_are_each_known_to_some_role() -> None:
    all_known = {name for role in FOLDERS for name in known(role)}
    for path in (BASE / COMMON / "settings.env", *(overlay / "services/settings.env" for overlay in OVERLAYS)):
        assert variables(path) - all_known == set(), path


def test_a_new_role_gets_a_folder_of_what_its_settings_ask_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "BASE", tmp_path)
    for role in (Role("dlr", "api"), Role("dlr", "relay")):
        roles.make(role)
        for name in ("kustomization.yaml", "deployment.yaml"):
            assert read(role.folder / name)["kind"] == read(BASE / role.service / role.name / name)["kind"]
        assert components(role) == components(Role("dlr", role.name)) == components_of(settings_of(role))
    assert read(tmp_path / "dlr/kustomization.yaml") == {
        **read(BASE / "dlr/kustomization.yaml"),
        "resources": ["api", "relay"],
    }


def test_a_role_whose_settings_have_changed_gets_the_components_of_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "BASE", tmp_path)
    role = Role("dispatch", "sender")
    role.folder.mkdir(parents=True)
    good = (BASE / "dispatch/sender/kustomization.yaml").read_text()
    (role.folder / "kustomization.yaml").write_text(good.replace("/mongodb\n", "/valkey\n"))
    assert roles.renew(role)
    assert (role.folder / "kustomization.yaml").read_text() == good
    assert not roles.renew(role)
