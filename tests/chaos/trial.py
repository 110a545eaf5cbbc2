"""Every fault in turn under load, and what is found after each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from docs.sections.faults import Row
from tests.chaos.faults import FULL_DISK, Fault, faults, meant
from tests.chaos.judging import Judge, Verdict
from tests.chaos.load import Load
from tests.chaos.rest import free_leases, lag
from tests.chaos.system import BINDS, UNRESOLVED, ChaosSystem
from tests.support import wait_until

_BEFORE: Final = (1.0, 2.5)
"""Seconds of load before a fault."""
_AFTER: Final = 1.5
_ANSWER: Final = 90.0
_QUIET: Final = 75.0
"""Seconds without news after which no more are waited for: a part of unknown outcome goes again after half of that."""
_REST: Final = 45.0
_LOOK: Final = 0.4


class Chaos:
    """One run on a system that stands."""

    def __init__(self, system: ChaosSystem, seed: int, rate: float, say: Callable[[str], object]) -> None:
        self._system = system
        self._random = Random(seed)
        self._say = say
        self._judge = Judge(system.operator, system.customer)
        self._load = Load(system.api, system.key, system.callback, Random(seed), rate)
        self._allowed = 0

    async def __call__(self, rounds: int, only: Sequence[str] = ()) -> list[Row]:
        """Every fault, or those with one of these words in their names, so often; the last row is all of it once more,
        at the end.
        """
        every = faults(list(self._system.services))
        chosen = [fault for fault in every if meant(fault.name, only)]
        if meant(FULL_DISK, only) and (why_not := self._system.disk.why_not):
            chosen = [fault for fault in chosen if fault.name != FULL_DISK]
            self._say(f"not run: {FULL_DISK} ({why_not})")
        rows: list[Row] = []
        try:
            async with self._judge.watching():
                await self._warm()
                for _ in range(rounds):
                    for fault in self._random.sample(chosen, len(chosen)):
                        rows.append(await self._suffer(fault))
                        self._say(line(rows[-1]))
            rows.append(await self._at_the_end())
            self._say(line(rows[-1]))
        finally:
            await self._load.close()
        return rows

    async def _warm(self) -> None:
        """A first message, so that what is slow but once is behind us."""
        self._load.start()
        await asyncio.sleep(1.0)
        await self._load.stop()
        await self._settle(len(self._load.posted))

    async def _suffer(self, fault: Fault) -> Row:
        system, load = self._system, self._load
        first, broken, dropped = len(load.posted), load.broken.copy(), await system.dropped()
        system.ended_alone.clear()
        load.start()
        await asyncio.sleep(self._random.uniform(*_BEFORE))
        await fault.act(system, self._random)
        over = time.monotonic()
        await asyncio.sleep(_AFTER)
        wrong: list[str] = []
        try:
            async with asyncio.timeout(_ANSWER):
                await load.stop()
        except TimeoutError:
            wrong.append(f"{len(load.posted) - load.answered} requests without an answer")
        await system.whole()
        await self._settle(first)
        wrong += await self._stuck()
        await self._judge.look()
        posted = load.posted[first:]
        before = [each for each in posted if each.message_id is not None and each.answered_at <= over]
        last = max((self._judge.told_at(each.message_id) or time.monotonic() for each in before), default=over)
        wrong += [f"{count} times {what}" for what, count in (load.broken - broken).items()]
        wrong += [f"{name} ended by itself" for name in system.ended_alone if name.partition(" ")[0] != fault.ends]
        allowed = (fault.crashes * BINDS + await system.dropped() - dropped) * UNRESOLVED
        self._allowed += allowed
        return row_of(fault.name, self._judge.verdict(posted), allowed, max(0.0, last - over), wrong)

    async def _settle(self, first: int) -> None:
        """Wait until the customer knows the end of everything from this message on, or learns no more."""
        left, since = -1, time.monotonic()
        while time.monotonic() - since < _QUIET:
            untold = len(self._judge.untold(self._load.posted[first:]))
            if not untold:
                return
            if untold != left:
                left, since = untold, time.monotonic()
            await asyncio.sleep(_LOOK)

    async def _stuck(self) -> list[str]:
        """What does not come to rest."""
        behind: dict[str, int] = {}
        free: list[str] = []

        async def at_rest() -> bool:
            nonlocal behind, free
            behind, free = await lag(self._system.kafka), await free_leases(self._system.mongodb)
            return not behind and not free

        try:
            await wait_until(at_rest, _REST)
        except AssertionError:
            return [
                *(f"{group} is {count} behind" for group, count in behind.items()),
                *(f"no owner: {x}" for x in free),
            ]
        return []

    async def _at_the_end(self) -> Row:
        """Whatever came late: judged over everything."""
        await self._judge.look()
        return row_of("all of it, at the end", self._judge.verdict(self._load.posted), self._allowed, 0.0, [])


def row_of(name: str, verdict: Verdict, allowed: int, seconds: float, wrong: Sequence[str]) -> Row:
    """A verdict as a row of the table; `wrong` is what else was found."""
    broken = {
        "P1: {} lost": verdict.lost + verdict.untrue,
        "P1: {} without an end": verdict.untold,
        "P3: {} doubled": verdict.doubled if verdict.doubled > allowed else 0,
        "P5: {} told twice": verdict.told_twice,
    }
    return Row(
        fault=name,
        answered=verdict.answered,
        lost=verdict.lost + verdict.untrue,
        doubled=verdict.doubled,
        allowed=allowed,
        told_twice=verdict.told_twice,
        not_delivered=verdict.answered - verdict.ends.get("delivered", 0),
        seconds=seconds,
        wrong=(*(text.format(count) for text, count in broken.items() if count), *wrong),
    )


def line(row: Row) -> str:
    """A row as the terminal shows it."""
    return (
        f"{row.fault:<62}{row.answered:>7}{row.lost:>6}{row.doubled:>6}/{row.allowed:<5}{row.told_twice:>5}"
        f"{row.not_delivered:>6}{row.seconds:>8.1f} s  {'; '.join(row.wrong) or 'held'}"
    )
