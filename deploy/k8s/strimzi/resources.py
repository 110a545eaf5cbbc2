"""The catalogue as Strimzi's resources: a KafkaTopic per topic, a KafkaUser per role. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from deploy.k8s.strimzi.access import Access, access_lists, user_of
from shared.contracts.topics import PRODUCTION, Profile, Topic, catalogue

Manifest = Mapping[str, Any]

API: Final = "kafka.strimzi.io/v1"


def topics(operators: Sequence[str], profile: Profile = PRODUCTION) -> Iterator[Manifest]:
    """One resource per topic, by name."""
    for topic in sorted(catalogue(operators), key=_name):
        spec = topic.spec(profile)
        yield {
            "apiVersion": API,
            "kind": "KafkaTopic",
            "metadata": {"name": spec.name},
            "spec": {
                "partitions": spec.partitions,
                "replicas": spec.replication,
                "config": dict(sorted(spec.config.items())),
            },
        }


def users(operators: Sequence[str]) -> Iterator[Manifest]:
    """One resource per role that has a part in a topic, with SCRAM-SHA-512 and its access list."""
    for principal, access in access_lists(catalogue(operators)).items():
        yield {
            "apiVersion": API,
            "kind": "KafkaUser",
            "metadata": {"name": user_of(principal)},
            "spec": {
                "authentication": {"type": "scram-sha-512"},
                "authorization": {"type": "simple", "acls": list(_acls(access))},
            },
        }


def _acls(access: Access) -> Iterator[Manifest]:
    for resource, operations in access.items():
        pattern = "prefix" if resource.prefix else "literal"
        yield {
            "resource": {"type": resource.kind.value, "name": resource.name, "patternType": pattern},
            "operations": list(operations),
        }


def _name(topic: Topic) -> str:
    return topic.name
