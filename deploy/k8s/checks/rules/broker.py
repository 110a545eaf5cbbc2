"""Topics that lose nothing when a broker dies, and users that may do what they need and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from deploy.k8s.checks.findings import Finding
from deploy.k8s.checks.manifests import Manifests, name_of, place_of

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MOST: Final = 253


def lasting(world: Manifests) -> Iterator[Finding]:
    """A write is on two brokers before it counts, and one broker may be away."""
    for topic in world.of("KafkaTopic"):
        spec = topic["spec"]
        if not spec.get("replicas", 0) > int(spec.get("config", {}).get("min.insync.replicas", 1)) > 1:
            yield Finding("lasting", place_of(topic), "does not survive the loss of a broker")


def little_access(world: Manifests) -> Iterator[Finding]:
    """Users prove who they are, and have lists that name what they may, never everything."""
    for user in world.of("KafkaUser"):
        spec = user["spec"]
        if "authentication" not in spec or (spec.get("authorization") or {}).get("type") != "simple":
            yield Finding("little_access", place_of(user), "is not held to a list")
        for entry in (spec.get("authorization") or {}).get("acls") or ():
            everything = entry["resource"].get("name") in {"", "*"} or entry["resource"]["type"] == "cluster"
            if everything or {"All", "Create", "Delete", "Alter"} & set(entry.get("operations") or ()):
                yield Finding("little_access", place_of(user), "may do more than read and write what is named")


def names(world: Manifests) -> Iterator[Finding]:
    """Names that Kubernetes takes; the schemas say nothing of them."""
    for manifest in world.all:
        if not _NAME.fullmatch(name_of(manifest)) or len(name_of(manifest)) > _MOST:
            yield Finding("names", place_of(manifest), "is no name of a resource")
