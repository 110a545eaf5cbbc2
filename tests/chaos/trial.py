"""Every fault in turn under load, and what is found after each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, NamedTuple

from docs.sections.faults import Row
from tests.chaos.faults import Fault
from tests.chaos.judging import Judge, Verdict
from tests.chaos.load import Load, Posted
from tests.chaos.system import BINDS, UNRESOLVED, ChaosSystem
from tests.support import wait_until

_WARM: Final = 1.0
_BEFORE: Final = (1.0, 2.5)
"""Seconds of load before a fault."""
_AFTER: Final = 1.5
_ANSWER: Final = 90.0
_QUIET: Final = 75.0
"""Seconds without news after which no more are waited for: a part of unknown outcome goes again after half of that."""
_REST: Final = 90.0
_LOOK: Final = 0.4


class Suffered(NamedTuple):
    """A fault that is over, the messages of its time, and what was said of them then."""

    posted: Sequence[Posted]
    row: Row


class Chaos:
    """One run on a system that stands."""

    def __init__(self, system: ChaosSystem, seed: int, rate: float, say: Callable[[str], object]) -> None:
        self._system = system
        self._random = Random(seed)
        self._say = say
        self._judge = Judge(system.operator, system.customer)
        self._load = Load(system.door, system.callback, Random(seed), rate)
        self._suffered: list[Suffered] = []
        self._ended_alone = 0
        self._strangers: set[str] = set()

    async def __call__(self, faults: Sequence[Fault], rounds: int) -> list[Row]:
        """Each of these faults so often; the last row is all of it once more, at the end."""
        rows: list[Row] = []
        try:
            async with self._judge.watching():
                await self._warm()
                for _ in range(rounds):
                    for fault in self._random.sample(faults, len(faults)):
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
        await asyncio.sleep(_WARM)
        await self._load.stop()
        await self._settle(0)

    async def _suffer(self, fault: Fault) -> Row:
        system, load = self._system, self._load
        first, broken, before = len(load.posted), load.broken.copy(), await system.counters()
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
        posted, after = load.posted[first:], await system.counters()
        old = [each for each in posted if each.message_id is not None and each.answered_at <= over]
        last = max((self._judge.told_at(each.message_id) or time.monotonic() for each in old), default=over)
        wrong += [f"{count} times {what}" for what, count in (load.broken - broken).items()]
        wrong += self._found_beside(fault.ends)
        wrong += [f"the fault came to nothing: {name}" for name in fault.shows if after[name] == before[name]]
        allowed = (fault.crashes * BINDS + after["links_dropped"] - before["links_dropped"]) * UNRESOLVED
        verdict = self._judge.verdict(posted)
        if not fault.refuses and verdict.ended_otherwise > allowed:
            wrong.append(f"{verdict.ended_otherwise} not delivered")
        if count := self._judge.charged_wrong(posted, await system.charged()):
            wrong.append(f"P9: {count} charged wrong")
        row = row_of(fault.name, verdict, allowed, max(0.0, last - over), wrong)
        self._suffered.append(Suffered(posted, row))
        return row

    def _found_beside(self, ends: str = "") -> list[str]:
        """Processes that ended by themselves, but for one that must, and ids of messages that no request was answered
        with: since the last look.
        """
        ended = self._system.ended_alone[self._ended_alone :]
        self._ended_alone += len(ended)
        strangers = self._judge.strangers(self._load.posted) - self._strangers
        self._strangers |= strangers
        return [
            *(f"{name} ended by itself" for name in ended if name.partition(" ")[0] != ends),
            *([f"P4: {len(strangers)} taken twice"] if strangers else []),
        ]

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
        left: Sequence[str] = ()

        async def at_rest() -> bool:
            nonlocal left
            left = await self._system.unrest()
            return not left

        try:
            await wait_until(at_rest, _REST)
        except AssertionError:
            return list(left)
        return []

    async def _at_the_end(self) -> Row:
        """Whatever came late: judged once more, each fault with what it allows, and everything together."""
        await self._judge.look()
        late: list[str] = []
        for posted, row in self._suffered:
            now = row_of(row.fault, self._judge.verdict(posted), row.allowed, 0.0, [])
            late += [f"{row.fault}: {what}" for what in now.wrong if what not in row.wrong]
        allowed = sum(row.allowed for _, row in self._suffered)
        verdict = self._judge.verdict(self._load.posted)
        if count := self._judge.charged_wrong(self._load.posted, await self._system.charged()):
            late.append(f"P9: {count} charged wrong")
        return row_of("all of it, at the end", verdict, allowed, 0.0, [*late, *self._found_beside()])


def row_of(name: str, verdict: Verdict, allowed: int, seconds: float, wrong: Sequence[str]) -> Row:
    """A verdict as a row of the table; `wrong` is what else was found."""
    broken = {
        "P1: {} lost": verdict.lost + verdict.untrue,
        "P1: {} without an end": verdict.untold,
        "{} with the text of another": verdict.mixed_up,
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
