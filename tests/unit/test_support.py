"""What tests wait with."""

from __future__ import annotations

import time

import pytest

from tests.support import wait_until


async def test_the_last_look_begins_after_the_deadline_however_long_the_one_before_took() -> None:
    looks = 0

    def slow_at_first() -> bool:
        nonlocal looks
        looks += 1
        if looks == 1:
            time.sleep(0.02)
        return looks == 2

    await wait_until(slow_at_first, deadline=0.01)


async def test_what_never_holds_is_named() -> None:
    with pytest.raises(AssertionError, match="still waiting for: a miracle"):
        await wait_until(lambda: False, deadline=0.0, waiting_for="a miracle")
