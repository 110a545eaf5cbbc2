"""The partitions of a runner over chosen ones: they take turns, and only those whose term lasts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from shared.kafka.choice import Lot
from shared.kafka.feed import Feed
from shared.kafka.record import TopicPartition


class Turns:
    """Feeds by partition. None waits for another that is busy."""

    def __init__(self, holds: Callable[[TopicPartition, int], bool]) -> None:
        """`holds` as `Choice` has it."""
        self._choice_holds = holds
        self._feeds: dict[TopicPartition, Feed] = {}
        self._order: deque[Feed] = deque()

    def __len__(self) -> int:
        return len(self._feeds)

    def __iter__(self) -> Iterator[Feed]:
        return iter(self._feeds.values())

    def get(self, partition: TopicPartition) -> Feed | None:
        """The partition's feed, if there is one."""
        return self._feeds.get(partition)

    def add(self, feed: Feed) -> None:
        """It joins, last in the order."""
        self._feeds[feed.partition] = feed
        self._order.append(feed)

    def drop(self, gone: Iterable[Feed]) -> None:
        """Nothing of these counts any more."""
        for feed in gone:
            del self._feeds[feed.partition]
            feed.share.close()
            self._order.remove(feed)

    def holds(self, feed: Feed) -> bool:
        """Whether its term lasts."""
        return self._choice_holds(feed.partition, feed.term)

    def wait(self, now: float) -> float | None:
        """Seconds until the first that has to wait may go on; None without one."""
        return min((feed.until - now for feed in self._order if feed.until > now), default=None)

    def take(self, now: float, most: int) -> list[tuple[Feed, Lot]]:
        """A batch: what waits, in equal measure from each, beginning with another one each time."""
        self._order.rotate(-1)
        able = [feed for feed in self._order if feed.until <= now and len(feed) and self.holds(feed)]
        left, lots = most, []
        for index, feed in enumerate(able):
            records = feed.take(max(1, left // (len(able) - index)))
            if records:
                lots.append((feed, Lot(feed.partition, feed.term, records)))
                left -= len(records)
            if left <= 0:
                break
        return lots

    def still_ours(self, lots: Sequence[tuple[Feed, Lot]]) -> list[tuple[Feed, Lot]]:
        """Of what was taken, what is to be handled again; what is lost, or to be let go, is put back."""
        kept = []
        for feed, lot in lots:
            if feed.leaving or not self.holds(feed):
                feed.finish(lot.records, 0)
            else:
                kept.append((feed, lot))
        return kept
