"""What a stage needs of the cluster, checked before it starts, so that a wrong setting is named and not guessed."""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import BadSettings
from shared.kafka.port import Cluster

_CLOSE = 5.0


async def check_topics(cluster: Cluster, needs: Mapping[str, int]) -> Mapping[str, int]:
    """Partition counts of the topics in `needs`, each of which must have at least that many.

    Raises TryLater when the cluster cannot be reached, BadSettings naming every topic that is missing or too small.
    """
    admin = cluster.admin()
    await admin.start()
    try:
        found = await admin.partitions(list(needs))
    finally:
        await admin.close(_CLOSE)
    missing = sorted(needs.keys() - found.keys())
    if missing:
        raise BadSettings(
            "kafka_topic_missing",
            f"no topic {', '.join(missing)} on the cluster of BUDSTIKKE_KAFKA; create the topics first",
        )
    small = [f"{name} has {found[name]}, needs {least}" for name, least in sorted(needs.items()) if found[name] < least]
    if small:
        raise BadSettings(
            "kafka_too_few_partitions",
            f"{'; '.join(small)}: add partitions, or lower BUDSTIKKE_MESSAGE_PARTITIONS on every role alike",
        )
    return found
