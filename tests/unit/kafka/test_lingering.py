"""A stage waits as long as more comes, but not for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from shared.kafka.lingering import linger


def seen(*counts: int) -> tuple[Callable[[], int], list[int]]:
    """A backlog that has these lengths, one after the other, and what was seen of it."""
    lengths, looked = iter(counts), []

    def waiting() -> int:
        looked.append(next(lengths))
        return looked[-1]

    return waiting, looked


@pytest.mark.parametrize(
    ("lengths", "looks", "why"),
    [
        ((1, 1, 9), 2, "nothing more came"),
        ((1, 3, 3, 9), 3, "it grew for a while"),
        ((500, 900), 1, "a whole batch waits"),
        ((1, 500, 900), 2, "a whole batch came"),
        (range(1, 20), 3, "it grows all the time"),
        ((5, 0, 9), 2, "its partition was given back"),
    ],
)
async def test_it_ends_when(lengths: Iterable[int], looks: int, why: str) -> None:
    waiting, looked = seen(*lengths)
    await linger(waiting, 500, 0.0001)
    assert len(looked) == looks, why


async def test_without_a_linger_nobody_is_waited_for() -> None:
    waiting, looked = seen(1, 2, 3)
    await linger(waiting, 500, 0.0)
    assert not looked
