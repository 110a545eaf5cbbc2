"""Manifests as the rules look at them: by kind, with what belongs to a Deployment's pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

Manifest = dict[str, Any]

_UNITS: Final = {"": 1.0, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


class Deployed(msgspec.Struct, frozen=True):
    """One Deployment."""

    manifest: Manifest
    settings: Mapping[str, Manifest]

    @property
    def where(self) -> str:
        """As findings name it."""
        return place_of(self.manifest)

    @property
    def spec(self) -> Manifest:
        """Of the Deployment."""
        return dict(self.manifest.get("spec") or {})

    @property
    def template(self) -> Manifest:
        """Of its pods."""
        return dict(self.spec.get("template") or {})

    @property
    def labels(self) -> Mapping[str, str]:
        """Of its pods."""
        return dict((self.template.get("metadata") or {}).get("labels") or {})

    @property
    def pod(self) -> Manifest:
        """Spec of its pods."""
        return dict(self.template.get("spec") or {})

    @property
    def containers(self) -> list[Manifest]:
        """Containers and init containers."""
        return [*(self.pod.get("containers") or ()), *(self.pod.get("initContainers") or ())]

    @property
    def ports(self) -> set[str]:
        """Names of its containers' ports."""
        return {port.get("name", "") for container in self.containers for port in container.get("ports") or ()}

    def environment(self) -> dict[str, str | None]:
        """Variables as the process gets them; None for what comes from a Secret or a key of a ConfigMap."""
        told: dict[str, str | None] = {}
        for container in self.containers:
            for source in container.get("envFrom") or ():
                name = str((source.get("configMapRef") or {}).get("name"))
                told |= (self.settings.get(name) or {}).get("data") or {}
            told |= {variable["name"]: variable.get("value") for variable in container.get("env") or ()}
        return told


class Manifests(msgspec.Struct, frozen=True):
    """All that is applied together."""

    all: tuple[Manifest, ...]

    def of(self, kind: str) -> list[Manifest]:
        """Those of a kind."""
        return [manifest for manifest in self.all if manifest.get("kind") == kind]

    def names(self, kind: str) -> set[str]:
        """Names of a kind."""
        return {name_of(manifest) for manifest in self.of(kind)}

    @property
    def deployed(self) -> list[Deployed]:
        """Every Deployment."""
        settings = {name_of(manifest): manifest for manifest in self.of("ConfigMap")}
        return [Deployed(manifest, settings) for manifest in self.of("Deployment")]

    def selected(self, selector: Mapping[str, Any]) -> list[Deployed]:
        """The Deployments whose pods a label selector finds."""
        return [one for one in self.deployed if matches(selector, one.labels)]


def manifests(documents: Iterable[Manifest]) -> Manifests:
    """As the rules take them."""
    return Manifests(tuple(documents))


def name_of(manifest: Manifest) -> str:
    """Its name, empty without one."""
    return str((manifest.get("metadata") or {}).get("name") or "")


def place_of(manifest: Manifest) -> str:
    """Kind and name, as findings give them."""
    return f"{manifest.get('kind')} {name_of(manifest)}"


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector (`matchLabels`, `matchExpressions`) finds these labels. An empty one finds all."""
    for name, value in (selector.get("matchLabels") or {}).items():
        if labels.get(name) != value:
            return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def amount(quantity: str | float) -> float:
    """A quantity of Kubernetes (`500m`, `256Mi`, `2`) as a number. Raises ValueError."""
    text = str(quantity)
    digits = text.rstrip("kmKMGi")
    return float(digits) * _UNITS[text[len(digits) :]]


def strings(value: object) -> Iterator[str]:
    """Every string in a manifest, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)
