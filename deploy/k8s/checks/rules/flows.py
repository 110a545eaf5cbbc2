"""Who may speak to whom: nobody, but for named flows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deploy.k8s.checks.findings import Finding
from deploy.k8s.checks.manifests import Deployed, Manifest, Manifests, place_of


def denied_by_default(world: Manifests) -> Iterator[Finding]:
    """Where pods run, a policy denies all that no other allows."""
    closed = {_namespace(policy) for policy in world.of("NetworkPolicy") if _denies_all(policy["spec"])}
    for one in world.deployed:
        if _namespace(one.manifest) not in closed:
            yield Finding("denied_by_default", one.where, "nothing denies what is not allowed in its namespace")


def _denies_all(spec: Mapping[str, Any]) -> bool:
    return (
        not spec.get("podSelector")
        and {"Ingress", "Egress"} <= set(spec.get("policyTypes") or ())
        and not spec.get("ingress")
        and not spec.get("egress")
    )


def _namespace(manifest: Manifest) -> str:
    return str((manifest.get("metadata") or {}).get("namespace") or "")


def named_flows(world: Manifests) -> Iterator[Finding]:
    """Each policy is of some pods, between named ends, on named ports."""
    for policy in world.of("NetworkPolicy"):
        where, spec = place_of(policy), policy["spec"]
        mine = world.selected(spec.get("podSelector") or {})
        if not mine:
            yield Finding("named_flows", where, "is of no pod")
        for rule, ends in _rules(spec):
            if not rule.get(ends):
                yield Finding("named_flows", where, f"leaves open whom: a rule without {ends!r}")
            if not rule.get("ports"):
                yield Finding("named_flows", where, "leaves open which port")
            yield from _peers(world, where, mine, rule, ends)


def _rules(spec: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    yield from ((rule, "from") for rule in spec.get("ingress") or ())
    yield from ((rule, "to") for rule in spec.get("egress") or ())


def _peers(world: Manifests, where: str, mine: list[Deployed], rule: Mapping[str, Any], ends: str) -> Iterator[Finding]:
    """Of a rule between our own pods, both ends are there, and the port is one that the answering end names."""
    near = [peer["podSelector"] for peer in rule.get(ends) or () if set(peer) == {"podSelector"}]
    others = [one for selector in near for one in world.selected(selector)]
    if near and not others:
        yield Finding("named_flows", where, "is towards no pod")
    answering = mine if ends == "from" else others
    for port in rule.get("ports") or ():
        name = port.get("port")
        if isinstance(name, str) and not all(name in one.ports for one in answering):
            yield Finding("named_flows", where, f"is on port {name}, which not all its pods name")


def reachable(world: Manifests) -> Iterator[Finding]:
    """Whoever has a Service may be called on its port by somebody."""
    allowed = [
        (policy["spec"].get("podSelector") or {}, port.get("port"))
        for policy in world.of("NetworkPolicy")
        for rule in policy["spec"].get("ingress") or ()
        for port in rule.get("ports") or ()
    ]
    for service in world.of("Service"):
        for one in world.selected({"matchLabels": service["spec"].get("selector") or {}}):
            open_ports = {port for selector, port in allowed if one in world.selected(selector)}
            for port in service["spec"].get("ports") or ():
                if port.get("targetPort") not in open_ports:
                    yield Finding("reachable", place_of(service), "nobody may call it")
