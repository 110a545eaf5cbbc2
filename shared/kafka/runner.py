"""A stage as a component of a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from shared.clock import Clock
from shared.kafka.delayed import DelayedShare
from shared.kafka.health import Health
from shared.kafka.intake import Intake, Reading, Stage
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Assignor, Cluster, Consumer
from shared.kafka.record import TopicPartition
from shared.kafka.retries import RetryPlan, SetAside, Tier, tiers_of
from shared.kafka.settings import KafkaSettings
from shared.kafka.share import Bounds, Share
from shared.lifecycle import first_end

NewStage: TypeAlias = Callable[[Tier, Intake, SetAside], Stage]

_WAITING_BYTES = 1_048_576


class Runner:
    """The life of a stage: one intake for its topics, and one for each tier of its retry topics."""

    def __init__(
        self,
        new_stage: NewStage,
        *,
        connection: KafkaSettings,
        cluster: Cluster,
        group: str,
        topics: Sequence[str],
        dead_letter_topic: Callable[[str], str],
        retries: RetryPlan | None,
        requires: Mapping[str, int] | None,
        partition_assignment: Assignor,
        group_instance_id: str | None,
        max_batch: int,
        one_arrival: bool,
        stall_after: float,
        rest: float = 0.0,
        clock: Clock,
        metrics: KafkaMetrics,
    ) -> None:
        """`one_arrival`: all partitions of a group tell one worker of what arrives."""
        tiers = tiers_of(group, topics, retries)
        read = [topic for tier in tiers for topic in tier.sources]
        needs = {**dict.fromkeys([*read, *map(dead_letter_topic, topics)], 1), **(requires or {})}
        self._parts: list[tuple[Intake, Stage]] = []
        for tier in tiers:
            intake = Intake(
                Reading(
                    group=tier.group,
                    topics=tuple(tier.sources),
                    needs=needs,
                    partition_assignment=partition_assignment,
                    group_instance_id=group_instance_id,
                    poll_records=2 * max_batch,
                    stall_after=stall_after,
                    rest=rest,
                ),
                connection=connection,
                cluster=cluster,
                new_share=_shares_of(tier, max_batch, clock, one_arrival=one_arrival),
                clock=clock,
                metrics=metrics,
            )
            aside = SetAside(tier, dead_letter_topic, intake.partition_count, clock, metrics)
            self._parts.append((intake, new_stage(tier, intake, aside)))

    @property
    def name(self) -> str:
        """The group: name in logs and probes."""
        return self._parts[0][0].reading.group

    async def start(self) -> None:
        """Check the topics and join the group in the background; `health().ready` says when it works.

        Raises TryLater when the cluster cannot be reached within `start_timeout`, BadSettings naming what is wrong.
        """
        for intake, stage in self._parts:
            await intake.start(stage)

    async def wait(self) -> None:
        """Return when stopped; raise the error that ended the stage."""
        await first_end(*(intake.wait() for intake, _ in self._parts))

    async def stop(self, deadline: float) -> None:
        """End the running work within about `deadline` seconds, or cut it off, and leave the group. Repeatable."""
        await asyncio.gather(*(intake.stop(deadline) for intake, _ in self._parts))

    def health(self) -> Health:
        """How it is now, its retry topics included."""
        states = [intake.health() for intake, _ in self._parts]
        return Health(
            ready=all(state.ready for state in states),
            live=all(state.live for state in states),
            reason="; ".join(state.reason for state in states if state.reason),
            assigned=frozenset(partition for state in states for partition in state.assigned),
            paused={partition: why for state in states for partition, why in state.paused.items()},
            poll_age=max(state.poll_age for state in states),
        )


def _shares_of(
    tier: Tier, max_batch: int, clock: Clock, *, one_arrival: bool
) -> Callable[[TopicPartition, Consumer], Share]:
    """Makes the shares of a group: those of a retry topic wait, with less in memory. Where one batch is taken of all
    shares, each holds one; otherwise four, of its own.
    """
    together = asyncio.Event()

    def new_share(partition: TopicPartition, consumer: Consumer) -> Share:
        arrived = together if one_arrival else asyncio.Event()
        if not tier.attempt:
            return Share(partition, consumer, arrived, Bounds(records=max_batch if one_arrival else 4 * max_batch))
        bounds = Bounds(records=max_batch, bytes=_WAITING_BYTES)
        return DelayedShare(partition, consumer, arrived, bounds, due_ms=tier.due_ms, clock=clock)

    return new_share
