"""One mend of the library (aiokafka 0.14, under Faust 0.15.3): to seek what was committed, where that is offset 0.

Faust reads the table first, and takes the counts back to what is committed when it is whole. What its client gave out
before that is thrown away, and the library seeks no offset 0: a group that had committed nothing but its beginning lost
those counts, and stood still until others came.
"""

from __future__ import annotations

from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

_seek: Final = AIOKafkaConsumer.seek_to_committed


def mend() -> None:
    """Let the beginning be sought like any other offset. A repeat is nothing."""
    AIOKafkaConsumer.seek_to_committed = _mended


async def _mended(self: AIOKafkaConsumer, *partitions: TopicPartition) -> dict[TopicPartition, int | None]:
    committed: dict[TopicPartition, int | None] = await _seek(self, *partitions)
    for place, offset in committed.items():
        if offset == 0:
            self.seek(place, offset)
    return committed
