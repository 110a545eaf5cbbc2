"""Who may do what on the broker, from the catalogue: nobody gets more than the topics it is named at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from shared.contracts.topics import Topic, client_pair
from shared.ids import AccountId


class Kind(StrEnum):
    """What is granted on, as Strimzi spells it."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactionalId"


class Resource(NamedTuple):
    """One name, or with `prefix` all that begin with it."""

    kind: Kind
    name: str
    prefix: bool = False


Access = Mapping[Resource, tuple[str, ...]]
"""Operations by resource, both in a fixed order."""

READ: Final = frozenset({"Describe", "Read"})
WRITE: Final = frozenset({"Describe", "Write"})
ASK: Final = frozenset({"Describe"})
ASKING: Final = "dlr.status"
"""Asks which accounts have topics of their own: these are told of each state as it comes."""
CLIENTS: Final = "clients."
"""What the topics of all client systems begin with; they are made when an account is provisioned."""


def access_lists(topics: Iterable[Topic]) -> Mapping[str, Access]:
    """Access by user, of every producer and consumer of these topics and of the client systems' topics.

    A client system itself is left out: it gets its user and its list when its account is provisioned.

    The kit names a group after its role, or `<role>.<more>`; a transactional id is `<group>.<topic>.<partition>`. So
    whoever reads has the groups that begin with its name, and whoever reads and writes the transactional ids as well.
    """
    granted: dict[str, dict[Resource, set[str]]] = defaultdict(lambda: defaultdict(set))
    for who, resource, operations in (*_named(topics), *_of_clients()):
        granted[who][resource] |= operations
    for who, resources in granted.items():
        reads, writes = (any(operation in found for found in resources.values()) for operation in ("Read", "Write"))
        if reads:
            resources[Resource(Kind.GROUP, who, prefix=True)] |= READ
        if reads and writes:
            resources[Resource(Kind.TRANSACTIONAL_ID, who, prefix=True)] |= WRITE
    return {
        who: {resource: tuple(sorted(resources[resource])) for resource in sorted(resources)}
        for who, resources in sorted(granted.items())
    }


def user_of(principal: str) -> str:
    """Name of the user of a producer or consumer: `ingest.api` is `ingest-api`, as its Deployment is called."""
    return principal.replace(".", "-")


def _named(topics: Iterable[Topic]) -> Iterator[tuple[str, Resource, frozenset[str]]]:
    for topic in topics:
        resource = Resource(Kind.TOPIC, topic.name)
        yield from ((who, resource, WRITE) for who in topic.producers)
        yield from ((who, resource, READ) for who in topic.consumers)


def _of_clients() -> Iterator[tuple[str, Resource, frozenset[str]]]:
    """The same for any account's pair, whose accounts are not known yet."""
    account = AccountId("any")
    resource = Resource(Kind.TOPIC, CLIENTS, prefix=True)
    for who, _, operations in _named(client_pair(account)):
        if who != f"client-{account}":
            yield who, resource, operations
    yield ASKING, resource, ASK
