"""What one manifest says of another: selectors, targets, references. And no secret among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.k8s.checks.findings import Finding
from deploy.k8s.checks.manifests import Deployed, Manifest, Manifests, matches, name_of, place_of, strings

_CREDENTIALS: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY-----")

_PODS: Final = 2


def selectors(world: Manifests) -> Iterator[Finding]:
    """A Deployment selects its own pods and nobody else's; a Service, its pods and a port they name."""
    for one in world.deployed:
        chosen = one.spec.get("selector") or {}
        if not chosen.get("matchLabels") or not matches(chosen, one.labels):
            yield Finding("selectors", one.where, "does not select its own pods")
        elif len(world.selected(chosen)) > 1:
            yield Finding("selectors", one.where, "selects the pods of another as well")
    for service in world.of("Service"):
        labels = service["spec"].get("selector") or {}
        found = world.selected({"matchLabels": labels}) if labels else []
        if len(found) != 1:
            yield Finding("selectors", place_of(service), f"selects the pods of {len(found)} Deployments")
        for port in service["spec"].get("ports") or ():
            if any(port.get("targetPort") not in one.ports for one in found):
                yield Finding("selectors", place_of(service), f"leads to {port.get('targetPort')}, which no pod names")


def evictable(world: Manifests) -> Iterator[Finding]:
    """Each role has two pods or more, and one budget that lets a node be emptied, one pod at a time."""
    budgets = world.of("PodDisruptionBudget")
    least = {one["spec"]["scaleTargetRef"]["name"]: one["spec"].get("minReplicas", 1) for one in _autoscalers(world)}
    for one in world.deployed:
        mine = [budget for budget in budgets if _covers(budget, one)]
        if len(mine) != 1:
            yield Finding("evictable", one.where, f"has {len(mine)} budgets")
        if any(budget["spec"].get("maxUnavailable") != 1 for budget in mine):
            yield Finding("evictable", one.where, "its budget is not one pod at a time")
        if (least.get(name_of(one.manifest)) or one.spec.get("replicas") or 1) < _PODS:
            yield Finding("evictable", one.where, "has one pod: it is away whenever that moves")
    for budget in budgets:
        if len(world.selected(budget["spec"].get("selector") or {})) != 1:
            yield Finding("evictable", place_of(budget), "is not the budget of one Deployment")


def _covers(budget: Manifest, one: Deployed) -> bool:
    return matches(budget["spec"].get("selector") or {}, one.labels)


def scaled(world: Manifests) -> Iterator[Finding]:
    """An autoscaler has a Deployment to scale, which leaves the number of its pods to it."""
    deployed = {name_of(one.manifest): one for one in world.deployed}
    for autoscaler in _autoscalers(world):
        target = deployed.get(autoscaler["spec"]["scaleTargetRef"]["name"])
        if target is None:
            yield Finding("scaled", place_of(autoscaler), "scales nothing")
        elif "replicas" in target.spec:
            yield Finding("scaled", target.where, "sets replicas, which its autoscaler decides")


def _autoscalers(world: Manifests) -> list[Manifest]:
    return world.of("HorizontalPodAutoscaler")


def references(world: Manifests) -> Iterator[Finding]:
    """ConfigMaps with their keys, accounts and claims that pods name are there, and nothing is there twice."""
    settings = {name_of(one): one.get("data") or {} for one in world.of("ConfigMap")}
    claims, accounts = world.names("PersistentVolumeClaim"), world.names("ServiceAccount")
    for one in world.deployed:
        if one.pod.get("serviceAccountName") not in accounts:
            yield Finding("references", one.where, f"ServiceAccount {one.pod.get('serviceAccountName')} is not there")
        for volume in one.pod.get("volumes") or ():
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if claim is not None and claim not in claims:
                yield Finding("references", one.where, f"PersistentVolumeClaim {claim} is not there")
        for name, key in _settings_of(one):
            if name not in settings:
                yield Finding("references", one.where, f"ConfigMap {name} is not there")
            elif key is not None and key not in settings[name]:
                yield Finding("references", one.where, f"ConfigMap {name} has no key {key}")
    for place, times in Counter(map(_identity, world.all)).items():
        if times > 1:
            yield Finding("references", f"{place[0]} {place[2]}", f"is there {times} times")


def _identity(manifest: Manifest) -> tuple[str, str, str]:
    namespace = (manifest.get("metadata") or {}).get("namespace") or ""
    return str(manifest.get("kind")), str(namespace), name_of(manifest)


def _settings_of(one: Deployed) -> Iterator[tuple[str, str | None]]:
    """Name and key of every ConfigMap that a Deployment takes from; no key means all of them."""
    for volume in one.pod.get("volumes") or ():
        if "configMap" in volume:
            yield volume["configMap"]["name"], None
    for container in one.containers:
        for source in container.get("envFrom") or ():
            if "configMapRef" in source:
                yield source["configMapRef"]["name"], None
        for variable in container.get("env") or ():
            taken = (variable.get("valueFrom") or {}).get("configMapKeyRef")
            if taken:
                yield taken["name"], taken["key"]


def secrets_used(world: Manifests) -> set[tuple[str, str]]:
    """Name and key of every Secret that pods take from; without a key where the whole is mounted."""
    found: set[tuple[str, str]] = set()
    for one in world.deployed:
        for volume in one.pod.get("volumes") or ():
            if "secret" in volume:
                found |= {(volume["secret"]["secretName"], "")}
        for container in one.containers:
            taken: list[Mapping[str, Any]] = [
                (variable.get("valueFrom") or {}).get("secretKeyRef") or {} for variable in container.get("env") or ()
            ]
            found |= {(reference["name"], reference["key"]) for reference in taken if reference}
    return found


def watched(world: Manifests) -> Iterator[Finding]:
    """Where metrics are fetched, they are fetched of every role, on a port that its pods name."""
    monitors = world.of("PodMonitor")
    for one in world.deployed if monitors else ():
        mine = [monitor["spec"] for monitor in monitors if matches(monitor["spec"].get("selector") or {}, one.labels)]
        ports = {end.get("port") for monitor in mine for end in monitor.get("podMetricsEndpoints") or ()}
        if not ports & one.ports:
            yield Finding("watched", one.where, "nobody fetches its metrics")


def no_secrets(world: Manifests) -> Iterator[Finding]:
    """Secrets are made by whoever installs: none lies in the tree, whole or as a password in an address."""
    for manifest in world.all:
        if manifest.get("kind") == "Secret":
            yield Finding("no_secrets", place_of(manifest), "a Secret lies in the tree")
        elif any(_CREDENTIALS.search(text) for text in strings(manifest)):
            yield Finding("no_secrets", place_of(manifest), "holds a password or a key")
