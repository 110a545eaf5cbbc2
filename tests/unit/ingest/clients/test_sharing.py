"""However processes come and go, in the end each share is read by one of them, and each reads a fair part."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.clients.sharing import SHARES, Standing, hungry, plan, share_of
from shared.kafka.record import TopicPartition


class Table:
    """Shares and their owners, without time: who is not alive has nothing."""

    def __init__(self) -> None:
        self.owners = [""] * SHARES

    def of(self, reader: str) -> list[int]:
        return [share for share, owner in enumerate(self.owners) if owner == reader]

    def turn(self, reader: str, alive: set[str]) -> None:
        shares = [Standing(share, owner, 0, owner not in alive) for share, owner in enumerate(self.owners)]
        planned = plan(self.of(reader), shares, len(alive))
        for share in planned.give:
            assert self.owners[share] == reader
            self.owners[share] = ""
        for share in planned.take:
            assert self.owners[share] not in alive
            self.owners[share] = reader


@given(
    changes=st.lists(st.sets(st.sampled_from("abcdefg"), min_size=1), min_size=1, max_size=5),
    between=st.integers(0, 3),
)
def test_every_share_is_read_by_one_and_parts_are_fair(changes: list[set[str]], between: int) -> None:
    table = Table()
    for alive in changes:
        for _ in range(between):
            for reader in sorted(alive):
                table.turn(reader, alive)
    alive = changes[-1]
    for _ in range(3):
        for reader in sorted(alive):
            table.turn(reader, alive)
    parts = Counter(table.owners)
    assert set(parts) <= alive
    assert max(parts.values()) <= -(-SHARES // len(alive))
    before = list(table.owners)
    for reader in alive:
        table.turn(reader, alive)
    assert table.owners == before


def test_who_has_less_than_all_of_a_fair_part_looks_more_often() -> None:
    assert hungry(0, 2)
    assert not hungry(32, 2)
    assert not hungry(21, 3)
    assert not hungry(0, 65)


def test_partitions_are_spread_over_the_shares_and_always_the_same() -> None:
    partitions = [TopicPartition(f"clients.a{number}.requests", part) for number in range(500) for part in range(4)]
    spread = Counter(share_of(partition) for partition in partitions)
    assert len(spread) == SHARES
    assert max(spread.values()) < 4 * 2000 / SHARES
    assert share_of(TopicPartition("clients.acme.requests", 0)) == 11
