"""Who hears of each state as it comes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from services.dlr.status.eager import Eager
from shared.clock import ManualClock
from shared.ids import AccountId
from tests.unit.dlr.building import START

ACME, OTHER, THIRD = AccountId("acme"), AccountId("other"), AccountId("third")


async def test_an_endpoint_or_topics_of_its_own_make_an_account_eager_and_it_is_asked_once_a_second() -> None:
    asked: list[list[AccountId]] = []
    endpoints = {ACME}

    async def wanting(accounts: Collection[AccountId]) -> Collection[AccountId]:
        asked.append(sorted(accounts))
        return endpoints & set(accounts)

    async def paired(_: Collection[AccountId]) -> Mapping[AccountId, int]:
        return {OTHER: 4}

    clock = ManualClock(START)
    eager = Eager(wanting, paired, clock)
    assert await eager.of({ACME, THIRD}) == {ACME}
    assert await eager.of({ACME, OTHER, THIRD}) == {ACME, OTHER}
    endpoints.add(THIRD)
    assert await eager.of({THIRD}) == set()
    assert asked == [[ACME, THIRD], [OTHER]]
    clock.advance(1.0)
    assert await eager.of({THIRD}) == {THIRD}
