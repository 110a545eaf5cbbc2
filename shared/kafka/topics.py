"""Topics as they should be against topics as they are. Tooling creates and compares; stages only check at start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from shared.kafka.aio import AioCluster
from shared.kafka.port import Admin, Cluster, TopicSpec, TopicState
from shared.kafka.settings import KafkaSettings

__all__ = ["Drift", "DriftKind", "TopicSpec", "TopicState", "compare", "create", "describe", "partitions"]

_CLOSE = 5.0


class DriftKind(StrEnum):
    """How a topic may differ from its specification."""

    MISSING = "missing"
    PARTITIONS = "partitions"
    REPLICATION = "replication"
    CONFIG = "config"


class Drift(msgspec.Struct, frozen=True):
    """One difference. `setting` names the configuration key for `CONFIG`, else it is empty; None is "not set"."""

    topic: str
    kind: DriftKind
    setting: str
    expected: str | None
    found: str | None


async def create(
    connection: KafkaSettings, specs: Sequence[TopicSpec], *, cluster: Cluster | None = None
) -> frozenset[str]:
    """Create the topics that do not exist and return their names; existing ones are left as they are.

    Raises TryLater when the cluster does not answer, Refused when it rejects a topic.
    """
    async with _Admin(cluster or AioCluster(connection)) as admin:
        return await admin.create(specs)


async def partitions(
    connection: KafkaSettings, topics: Sequence[str], *, cluster: Cluster | None = None
) -> Mapping[str, int]:
    """How many partitions each of the topics of these names has, of those that exist."""
    async with _Admin(cluster or AioCluster(connection)) as admin:
        return await admin.partitions(topics)


async def describe(
    connection: KafkaSettings, topics: Sequence[str], *, cluster: Cluster | None = None
) -> Mapping[str, TopicState]:
    """The topics of these names that exist, with the configuration that differs from the cluster's defaults."""
    async with _Admin(cluster or AioCluster(connection)) as admin:
        return await admin.describe(topics)


async def compare(
    connection: KafkaSettings, specs: Sequence[TopicSpec], *, cluster: Cluster | None = None
) -> list[Drift]:
    """Where the cluster differs from the specifications, in their order; empty when it does not."""
    found = await describe(connection, [spec.name for spec in specs], cluster=cluster)
    return [drift for spec in specs for drift in differences(spec, found.get(spec.name))]


def differences(spec: TopicSpec, state: TopicState | None) -> list[Drift]:
    """One topic's drift. A setting that the specification does not name should be the cluster's default."""
    if state is None:
        return [Drift(spec.name, DriftKind.MISSING, "", spec.name, None)]
    drifts = []
    if state.partitions != spec.partitions:
        drifts.append(Drift(spec.name, DriftKind.PARTITIONS, "", str(spec.partitions), str(state.partitions)))
    if spec.replication not in (None, state.replication):
        drifts.append(Drift(spec.name, DriftKind.REPLICATION, "", str(spec.replication), str(state.replication)))
    for setting in sorted(spec.config.keys() | state.config.keys()):
        expected, actual = spec.config.get(setting), state.config.get(setting)
        if expected != actual:
            drifts.append(Drift(spec.name, DriftKind.CONFIG, setting, expected, actual))
    return drifts


class _Admin:
    """An admin client for the length of one call."""

    def __init__(self, cluster: Cluster) -> None:
        self._admin = cluster.admin()

    async def __aenter__(self) -> Admin:
        await self._admin.start()
        return self._admin

    async def __aexit__(self, *exc: object) -> None:
        await self._admin.close(_CLOSE)
