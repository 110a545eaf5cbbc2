"""Topics are compared with what they should be."""

from __future__ import annotations

from shared.kafka.memory import MemoryCluster
from shared.kafka.settings import Credentials, KafkaSettings
from shared.kafka.topics import Drift, DriftKind, TopicSpec, TopicState, compare, create, describe, differences

SETTINGS = KafkaSettings("memory")


async def test_created_topics_do_not_differ() -> None:
    cluster = MemoryCluster()
    specs = [TopicSpec("a", 3, {"retention.ms": "1"}), TopicSpec("b", 1)]
    assert await create(SETTINGS, specs, cluster=cluster) == {"a", "b"}
    assert await create(SETTINGS, specs, cluster=cluster) == frozenset()
    assert await compare(SETTINGS, specs, cluster=cluster) == []
    assert (await describe(SETTINGS, ["a", "c"], cluster=cluster)).keys() == {"a"}


def test_every_difference_is_named() -> None:
    spec = TopicSpec("a", 3, {"cleanup.policy": "compact", "retention.ms": "1"}, replication=3)
    state = TopicState("a", 4, 1, {"retention.ms": "2", "segment.ms": "9"})
    assert differences(spec, state) == [
        Drift("a", DriftKind.PARTITIONS, "", "3", "4"),
        Drift("a", DriftKind.REPLICATION, "", "3", "1"),
        Drift("a", DriftKind.CONFIG, "cleanup.policy", "compact", None),
        Drift("a", DriftKind.CONFIG, "retention.ms", "1", "2"),
        Drift("a", DriftKind.CONFIG, "segment.ms", None, "9"),
    ]


def test_a_missing_topic_is_one_difference_and_any_replication_is_right_if_none_is_asked_for() -> None:
    assert differences(TopicSpec("a", 3), None) == [Drift("a", DriftKind.MISSING, "", "a", None)]
    assert differences(TopicSpec("a", 3), TopicState("a", 3, 3, {})) == []


def test_a_password_does_not_show() -> None:
    settings = KafkaSettings("b:1", credentials=Credentials("ingest", "hunter2"))
    assert "hunter2" not in f"{settings!r} {settings} {settings.credentials!r}"
