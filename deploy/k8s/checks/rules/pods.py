"""How a pod is run: without rights, within limits, probed, and with time to end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from deploy.k8s.checks.findings import Finding
from deploy.k8s.checks.manifests import Deployed, Manifest, Manifests, amount, matches, name_of
from shared.settings import PREFIX, RoleSettings

_SPARE: Final = 15.0
"""Seconds between the end of draining and the kill: components that overrun, the last probe, the interpreter."""

_DRAIN: Final = f"{PREFIX}DRAIN_SECONDS"
_DEFAULT_DRAIN: Final = float(RoleSettings.model_fields["drain_seconds"].default)
_PROBES: Final = {"startupProbe": "/live", "readinessProbe": "/ready", "livenessProbe": "/live"}
_HOST: Final = ("hostNetwork", "hostPID", "hostIPC")


def without_rights(world: Manifests) -> Iterator[Finding]:
    """Not root, nothing to write to but what is mounted, no capability, no token."""
    for one in world.deployed:
        pod = one.pod
        told = pod.get("securityContext") or {}
        faults = [name for name in _HOST if pod.get(name)]
        faults += [
            f"volume {volume['name']} is of the host" for volume in pod.get("volumes") or () if "hostPath" in volume
        ]
        if told.get("runAsNonRoot") is not True or not told.get("runAsUser"):
            faults.append("may run as root")
        if (told.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
            faults.append("without the seccomp profile RuntimeDefault")
        if pod.get("automountServiceAccountToken") is not False:
            faults.append("mounts a token")
        for container in one.containers:
            faults += [f"container {container['name']} {fault}" for fault in _rights(container)]
        yield from (Finding("without_rights", one.where, fault) for fault in faults)
    for account in world.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield Finding("without_rights", f"ServiceAccount {name_of(account)}", "hands out a token")


def _rights(container: Manifest) -> Iterator[str]:
    told: dict[str, Any] = container.get("securityContext") or {}
    capabilities = told.get("capabilities") or {}
    if told.get("allowPrivilegeEscalation") is not False or told.get("privileged"):
        yield "may gain rights"
    if told.get("readOnlyRootFilesystem") is not True:
        yield "may write to its image"
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield "keeps capabilities"
    if told.get("runAsUser") == 0 or told.get("runAsNonRoot") is False:
        yield "runs as root"


def within_limits(world: Manifests) -> Iterator[Finding]:
    """Requests for CPU and memory, a limit of memory, and no request above its limit."""
    for one in world.deployed:
        for container in one.containers:
            told = container.get("resources") or {}
            requests, limits = told.get("requests") or {}, told.get("limits") or {}
            where = f"container {container['name']}"
            for name in ("cpu", "memory"):
                if name not in requests:
                    yield Finding("within_limits", one.where, f"{where} requests no {name}")
            if "memory" not in limits:
                yield Finding("within_limits", one.where, f"{where} has no limit of memory")
            for name, most in limits.items():
                if amount(requests.get(name, 0)) > amount(most):
                    yield Finding("within_limits", one.where, f"{where} requests more {name} than its limit")


def probed(world: Manifests) -> Iterator[Finding]:
    """Three probes, each on its path and on a port that the container names."""
    for one in world.deployed:
        for container in one.containers:
            for name, path in _PROBES.items():
                called = (container.get(name) or {}).get("httpGet") or {}
                if called.get("path") != path:
                    yield Finding("probed", one.where, f"{name} does not ask for {path}")
                elif called.get("port") not in one.ports:
                    yield Finding("probed", one.where, f"{name} asks a port that is not named")


def ends_in_time(world: Manifests) -> Iterator[Finding]:
    """The grace period holds the hook before SIGTERM, the role's own draining, and some more."""
    for one in world.deployed:
        drain = float(one.environment().get(_DRAIN) or _DEFAULT_DRAIN)
        least = drain + max((_hook(container) for container in one.containers), default=0.0) + _SPARE
        grace = float(one.pod.get("terminationGracePeriodSeconds") or 30)
        if grace < least:
            yield Finding("ends_in_time", one.where, f"is killed after {grace:.0f} s and needs {least:.0f} s to end")


def _hook(container: Manifest) -> float:
    hook = (container.get("lifecycle") or {}).get("preStop") or {}
    return float((hook.get("sleep") or {}).get("seconds") or 0)


def of_a_version(world: Manifests) -> Iterator[Finding]:
    """Images by a version or a digest, never whatever is the latest."""
    for one in world.deployed:
        for container in one.containers:
            image = str(container.get("image") or "")
            tag = image.rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in image and tag in {"", "latest"}:
                yield Finding(
                    "of_a_version", one.where, f"container {container['name']} runs whatever image is the latest"
                )


def spread(world: Manifests) -> Iterator[Finding]:
    """Pods of one role stand on different nodes as far as there are any."""
    for one in world.deployed:
        if not any(_spreads(one, constraint) for constraint in one.pod.get("topologySpreadConstraints") or ()):
            yield Finding("spread", one.where, "its pods may all stand on one node")


def _spreads(one: Deployed, constraint: Manifest) -> bool:
    selector = constraint.get("labelSelector") or {}
    return (
        constraint.get("topologyKey") == "kubernetes.io/hostname"
        and bool(selector.get("matchLabels"))
        and matches(selector, one.labels)
    )
