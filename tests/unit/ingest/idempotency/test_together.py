from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.ingest.idempotency.together import Together
from shared.errors import TryLater
from tests.support import wait_until


class Trips:
    """Doubles numbers, one round trip at a time, when it is let."""

    def __init__(self) -> None:
        self.made: list[list[int]] = []
        self.free = asyncio.Semaphore(0)

    async def __call__(self, questions: Sequence[int]) -> Sequence[int]:
        self.made.append(list(questions))
        await self.free.acquire()
        if 13 in questions:
            raise TryLater("away", "told to fail")
        return [2 * question for question in questions]


async def test_what_is_asked_during_a_trip_goes_with_the_next_in_order() -> None:
    trips = Trips()
    ask = Together(trips, most=3)
    asking = [asyncio.create_task(ask(number)) for number in range(6)]
    await wait_until(lambda: bool(trips.made))
    for _ in range(6):
        trips.free.release()
    assert await asyncio.gather(*asking) == [0, 2, 4, 6, 8, 10]
    assert trips.made == [[0, 1, 2], [3, 4, 5]]


async def test_an_error_is_that_of_its_own_trip() -> None:
    trips = Trips()
    ask = Together(trips, most=2)
    asking = [asyncio.create_task(ask(number)) for number in (1, 13, 2, 3)]
    trips.free.release()
    trips.free.release()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [isinstance(answer, TryLater) for answer in answers] == [True, True, False, False]
    trips.free.release()
    assert await ask(4) == 8


async def test_who_gave_up_harms_nobody() -> None:
    trips = Trips()
    ask = Together(trips)
    asking = [asyncio.create_task(ask(number)) for number in (1, 2)]
    await wait_until(lambda: bool(trips.made))
    asking[0].cancel()
    trips.free.release()
    assert await asking[1] == 4


async def test_a_crowd_is_told_to_come_again() -> None:
    trips = Trips()
    ask = Together(trips, most=1, most_waiting=2)
    asking = [asyncio.create_task(ask(number)) for number in (1, 2)]
    await wait_until(lambda: bool(trips.made))
    asking.append(asyncio.create_task(ask(3)))
    await wait_until(lambda: len(ask._waiting) == 2)
    with pytest.raises(TryLater) as error:
        await ask(4)
    assert error.value.code == "over_capacity"
    for _ in asking:
        trips.free.release()
    assert await asyncio.gather(*asking) == [2, 4, 6]


async def test_what_has_waited_long_for_a_trip_goes_beside_it_but_no_third() -> None:
    trips = Trips()
    ask = Together(trips, patience=0.0)
    first = asyncio.create_task(ask(1))
    await wait_until(lambda: trips.made == [[1]])
    others = [asyncio.create_task(ask(2))]
    await wait_until(lambda: trips.made == [[1], [2]])
    others += [asyncio.create_task(ask(3)), asyncio.create_task(ask(4))]
    await asyncio.sleep(0)
    trips.free.release()
    assert await first == 2
    await wait_until(lambda: trips.made == [[1], [2], [3, 4]])
    trips.free.release()
    trips.free.release()
    assert await asyncio.gather(*others) == [4, 6, 8]
