"""Faults that the check must find: each is planted into manifests that are good, and names who sees it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from deploy.k8s.checks.manifests import Manifest, name_of
from deploy.k8s.checks.rendering import SCHEMA


class Good:
    """Manifests to plant a fault into."""

    def __init__(self, documents: Iterable[Manifest]) -> None:
        self.documents = copy.deepcopy(list(documents))

    def of(self, kind: str, name: str = "") -> Any:
        """The manifest of this kind whose name begins so."""
        return next(one for one in self.documents if one["kind"] == kind and name_of(one).startswith(name))

    def pod(self, name: str) -> Any:
        """Spec of a Deployment's pods."""
        return self.of("Deployment", name)["spec"]["template"]["spec"]

    def role(self, name: str) -> Any:
        """The one container of a Deployment."""
        return self.pod(name)["containers"][0]

    def without(self, kind: str, name: str) -> None:
        """Take one away."""
        self.documents.remove(self.of(kind, name))


class Fault(NamedTuple):
    """A fault in words, the rule that sees it, and how it comes about."""

    what: str
    seen_by: str
    plant: Callable[[Good], object]


FAULTS = (
    # what a schema sees
    Fault("a misspelled field", SCHEMA, lambda good: good.role("ingest-api").update(resource={})),
    Fault(
        "a word for a number", SCHEMA, lambda good: good.of("Deployment", "dlr-status")["spec"].update(replicas="3 ")
    ),
    Fault(
        "a version that is gone",
        SCHEMA,
        lambda good: good.of("PodDisruptionBudget").update(apiVersion="policy/v1beta1"),
    ),
    Fault("a kind nobody knows", SCHEMA, lambda good: good.of("Service", "dlr-api").update(kind="Servise")),
    Fault("a required field left out", SCHEMA, lambda good: good.of("Deployment", "dlr-relay")["spec"].pop("selector")),
    Fault(
        "a policy with a wrong word",
        SCHEMA,
        lambda good: good.of("NetworkPolicy", "door")["spec"].update(policyType=[]),
    ),
    Fault("a topic with half a partition", SCHEMA, lambda good: good.of("KafkaTopic")["spec"].update(partitions=1.5)),
    Fault(
        "a topic of Strimzi before 1.0",
        SCHEMA,
        lambda good: good.of("KafkaTopic").update(apiVersion="kafka.strimzi.io/v1beta2"),
    ),
    Fault("a user with a wrong operation", SCHEMA, lambda good: _acls(good)[0].update(operations=["Reed"])),
    Fault(
        "a user with a mechanism nobody knows",
        SCHEMA,
        lambda good: good.of("KafkaUser")["spec"]["authentication"].update(type="plain"),
    ),
    Fault("an alarm without a question", SCHEMA, lambda good: _alarms(good)[0].pop("expr")),
    Fault("an alarm that rings after a word", SCHEMA, lambda good: _alarms(good)[0].update({"for": "a while"})),
    Fault("metrics fetched by a field nobody knows", SCHEMA, lambda good: _fetched(good).update(pathe="/metrics")),
    # rights
    Fault(
        "a pod as root", "without_rights", lambda good: good.pod("dlr-webhooks")["securityContext"].update(runAsUser=0)
    ),
    Fault(
        "a container that may gain rights",
        "without_rights",
        lambda good: _rights(good).update(allowPrivilegeEscalation=True),
    ),
    Fault(
        "a container that writes to its image",
        "without_rights",
        lambda good: _rights(good).pop("readOnlyRootFilesystem"),
    ),
    Fault(
        "a container that keeps capabilities",
        "without_rights",
        lambda good: _rights(good).update(capabilities={"drop": ["NET_RAW"]}),
    ),
    Fault(
        "a pod without seccomp",
        "without_rights",
        lambda good: good.pod("dlr-webhooks")["securityContext"].pop("seccompProfile"),
    ),
    Fault(
        "a pod with a token",
        "without_rights",
        lambda good: good.pod("dlr-status").update(automountServiceAccountToken=True),
    ),
    Fault(
        "a pod on a folder of the host",
        "without_rights",
        lambda good: good.pod("dlr-status")["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    ),
    # limits, probes, the end
    Fault(
        "a request above its limit",
        "within_limits",
        lambda good: good.role("dlr-status")["resources"]["requests"].update(memory="4Gi"),
    ),
    Fault(
        "no limit of memory", "within_limits", lambda good: good.role("dlr-status")["resources"]["limits"].pop("memory")
    ),
    Fault("no probe of life", "probed", lambda good: good.role("ingest-clients").pop("livenessProbe")),
    Fault(
        "a probe of life that waits for Kafka",
        "probed",
        lambda good: good.role("ingest-clients")["livenessProbe"]["httpGet"].update(path="/ready"),
    ),
    Fault(
        "a probe on a port that is not there",
        "probed",
        lambda good: good.role("ingest-clients")["readinessProbe"]["httpGet"].update(port="helth"),
    ),
    Fault(
        "a kill before work has ended",
        "ends_in_time",
        lambda good: good.pod("dispatch-sender").update(terminationGracePeriodSeconds=60),
    ),
    Fault(
        "whatever image is the latest",
        "of_a_version",
        lambda good: good.role("dispatch-router").update(image="budstikke/dispatch:latest"),
    ),
    Fault("all pods on one node", "spread", lambda good: good.pod("dispatch-router").pop("topologySpreadConstraints")),
    # links
    Fault(
        "a selector that finds no pod",
        "selectors",
        lambda good: _selector(good).update({"app.kubernetes.io/component": "sttus"}),
    ),
    Fault(
        "a selector that finds others' pods",
        "selectors",
        lambda good: _selector(good).pop("app.kubernetes.io/component"),
    ),
    Fault(
        "a Service to a port that is not there",
        "selectors",
        lambda good: good.of("Service", "dlr-api")["spec"]["ports"][0].update(targetPort="web"),
    ),
    Fault("no budget", "evictable", lambda good: good.without("PodDisruptionBudget", "dispatch-sender")),
    Fault(
        "a budget that lets no node be emptied",
        "evictable",
        lambda good: good.of("PodDisruptionBudget", "dlr-status")["spec"].update(maxUnavailable=0),
    ),
    Fault("one pod", "evictable", lambda good: good.of("Deployment", "dlr-status")["spec"].update(replicas=1)),
    Fault(
        "replicas beside an autoscaler",
        "scaled",
        lambda good: good.of("Deployment", "ingest-api")["spec"].update(replicas=4),
    ),
    Fault(
        "an autoscaler of nothing",
        "scaled",
        lambda good: good.of("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"].update(name="ingest-apy"),
    ),
    Fault("a ConfigMap that is not there", "references", lambda good: good.without("ConfigMap", "operators")),
    Fault("an account that is not there", "references", lambda good: good.without("ServiceAccount", "ingest-api")),
    Fault(
        "a claim that is not there", "references", lambda good: good.without("PersistentVolumeClaim", "budstikke-keys")
    ),
    Fault("a thing twice", "references", lambda good: good.documents.append(good.of("Service", "dlr-api"))),
    Fault(
        "a Secret in the tree",
        "no_secrets",
        lambda good: good.documents.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "valkey"}}),
    ),
    Fault(
        "a password in the settings",
        "no_secrets",
        lambda good: good.of("ConfigMap", "budstikke-settings")["data"].update(
            BUDSTIKKE_VALKEY="redis://default:secret@valkey"
        ),
    ),
    Fault(
        "a service whose metrics nobody fetches",
        "watched",
        lambda good: good.of("PodMonitor")["spec"]["selector"]["matchExpressions"][0]["values"].remove("dlr"),
    ),
    Fault("metrics on a port that is not there", "watched", lambda good: _fetched(good).update(port="metrics")),
    # flows
    Fault("nothing denied by default", "denied_by_default", lambda good: good.without("NetworkPolicy", "default-deny")),
    Fault(
        "a policy towards anybody",
        "named_flows",
        lambda good: good.of("NetworkPolicy", "kafka")["spec"]["egress"][0].pop("to"),
    ),
    Fault(
        "a policy on any port",
        "named_flows",
        lambda good: good.of("NetworkPolicy", "door")["spec"]["ingress"][0].pop("ports"),
    ),
    Fault(
        "a policy of nobody",
        "named_flows",
        lambda good: good.of("NetworkPolicy", "operators")["spec"].update(
            podSelector={"matchLabels": {"app.kubernetes.io/component": "sendr"}}
        ),
    ),
    Fault(
        "a policy on a port that is not there",
        "named_flows",
        lambda good: good.of("NetworkPolicy", "door")["spec"]["ingress"][0].update(ports=[{"port": "web"}]),
    ),
    Fault(
        "a Service that nobody may call", "reachable", lambda good: good.without("NetworkPolicy", "owners-from-door")
    ),
    # the broker
    Fault("a topic that one broker holds", "lasting", lambda good: good.of("KafkaTopic")["spec"].update(replicas=1)),
    Fault("a user that may do all", "little_access", lambda good: _acls(good)[0].update(operations=["All"])),
    Fault("a user of all topics", "little_access", lambda good: _acls(good)[0]["resource"].update(name="*")),
    Fault("a user without a list", "little_access", lambda good: good.of("KafkaUser")["spec"].pop("authorization")),
    Fault("a name that is none", "names", lambda good: good.of("KafkaTopic")["metadata"].update(name="sms_facts")),
)


def _acls(good: Good) -> Any:
    return good.of("KafkaUser")["spec"]["authorization"]["acls"]


def _alarms(good: Good) -> Any:
    return good.of("PrometheusRule")["spec"]["groups"][0]["rules"]


def _fetched(good: Good) -> Any:
    return good.of("PodMonitor")["spec"]["podMetricsEndpoints"][0]


def _rights(good: Good) -> Any:
    return good.role("dlr-webhooks")["securityContext"]


def _selector(good: Good) -> Any:
    return good.of("Deployment", "dlr-status")["spec"]["selector"]["matchLabels"]
