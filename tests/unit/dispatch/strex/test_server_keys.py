from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.dispatch.strex.server_keys import MOST_UNKNOWN, ServerKeys
from shared.clock import ManualClock
from shared.errors import TryLater
from shared.strex.signatures import PublicKey
from tests.unit.dispatch.strex.test_row import NOW

KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


class Strex:
    """Knows the key `good`, and counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, name: str) -> PublicKey | None:
        self.asked.append(name)
        await asyncio.sleep(0)
        return KEY if name == "good" else None


async def test_a_good_key_is_asked_for_once_an_hour_however_many_want_it_at_once() -> None:
    strex, clock = Strex(), ManualClock(NOW)
    keys = ServerKeys(strex, clock)
    assert await asyncio.gather(*(keys.get("good") for _ in range(5))) == [KEY] * 5
    clock.advance(3599)
    assert await keys.get("good") is KEY
    assert strex.asked == ["good"]
    clock.advance(2)
    assert await keys.get("good") is KEY
    assert strex.asked == ["good"] * 2


async def test_whoever_makes_names_up_has_strex_asked_ten_times_a_minute_and_drives_out_no_good_key() -> None:
    strex, clock = Strex(), ManualClock(NOW)
    keys = ServerKeys(strex, clock)
    await keys.get("good")
    made_up = [f"made-up-{number}" for number in range(300)]
    for _ in range(2):
        strex.asked.clear()
        for name in made_up[:MOST_UNKNOWN]:
            assert await keys.get(name) is None
        for name in made_up[MOST_UNKNOWN:]:
            with pytest.raises(TryLater, match="too_many_key_names"):
                await keys.get(name)
        assert len(strex.asked) == MOST_UNKNOWN
        assert await keys.get("good") is KEY
        assert await keys.get(made_up[0]) is None
        clock.advance(3601)
