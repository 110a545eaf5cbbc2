"""A consumer group in memory: the classic protocol, everybody stops at every change."""

from __future__ import annotations

import asyncio
from typing import Protocol

from shared.kafka.port import Assignor
from shared.kafka.record import TopicPartition


class Member(Protocol):
    """What the group knows of a consumer."""

    assignor: Assignor
    topics: tuple[str, ...]


class Group:
    """Members and who has what. A new generation begins when a member comes or goes, and is complete when every
    member of it has given its old partitions back.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.generation = 0
        self._members: list[Member] = []
        self._ready: set[int] = set()
        self._changed = asyncio.Event()

    def join(self, member: Member) -> None:
        """Come."""
        self._members.append(member)
        self._begin()

    def leave(self, member: Member) -> None:
        """Go."""
        if member in self._members:
            self._members.remove(member)
            self._begin()

    def forget_oldest(self) -> None:
        """Somebody is gone without having said so."""
        self.leave(self._members[0])

    def knows(self, member: Member) -> bool:
        """Whether it is a member still."""
        return member in self._members

    def give_back(self, member: Member) -> None:
        """The member has stopped its work of earlier generations."""
        self._ready.add(id(member))
        self._tell()

    @property
    def complete(self) -> bool:
        """Whether everybody is ready for this generation."""
        return all(id(member) in self._ready for member in self._members)

    def partitions_of(self, member: Member, partitions: list[TopicPartition]) -> frozenset[TopicPartition]:
        """The member's part of these, in this generation."""
        place, count = self._members.index(member), len(self._members)
        if member.assignor == "roundrobin":
            return frozenset(partitions[place::count])
        chosen = []
        for topic in member.topics:
            own = [partition for partition in partitions if partition.topic == topic]
            each, more = divmod(len(own), count)
            first = place * each + min(place, more)
            chosen += own[first : first + each + (place < more)]
        return frozenset(chosen)

    async def changed(self) -> None:
        """Wait for the next change of any kind."""
        await self._changed.wait()

    def _begin(self) -> None:
        self.generation += 1
        self._ready.clear()
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
