"""What the operator took and what the customer was told, held against what was promised."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import msgspec

from shared.contracts.states import FINAL
from shared.tasks import end
from tests.chaos.load import Posted

_PAGE: Final = 10_000
_LOOK: Final = 0.5
_UDH_OF_PART: Final = "050003"
"""How the header of a part of a long message begins, in hex (3GPP TS 23.040, 9.2.3.24.1)."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The promises over a number of messages, in messages but for `doubled`, which is copies of parts too many."""

    answered: int
    lost: int
    """Not with the operator, and of no final state that the customer was told (P1)."""
    untold: int
    """The customer was told no final state."""
    doubled: int
    """(P3)"""
    told_twice: int
    """The customer was told two final states, under two ids or one, or one state under two ids (P5)."""
    untrue: int
    """Told `delivered`, with a part that no operator took."""
    mixed_up: int
    """Went out with a text that is another's."""
    ends: Mapping[str, int]
    """Messages by the final state that was told."""

    @property
    def ended_otherwise(self) -> int:
        """The customer was told an end, and not that it was delivered."""
        return self.answered - self.untold - self.ends.get("delivered", 0)


class Told(msgspec.Struct):
    """Final states of one message, each with the id of its event."""

    ends: set[tuple[str, str]]
    at: float


class Forgotten(Exception):
    """A simulator no longer has all that it recorded: nothing can be said of what it forgot."""


class Judge:
    """Reads the records of both simulators as they grow: all the time while `watching`, so that it knows when."""

    def __init__(self, operator: httpx.AsyncClient, customer: httpx.AsyncClient) -> None:
        self._operator = operator
        self._customer = customer
        self._copies: dict[str, Counter[int]] = defaultdict(Counter)
        self._texts: dict[str, set[str]] = defaultdict(set)
        """By number the first words of what went there."""
        self._told: dict[str, Told] = {}
        self._heard_of: set[str] = set()
        self._taken_after = self._told_after = 0
        self._looking = asyncio.Lock()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Read what is new twice a second."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            await end(task)

    async def look(self) -> None:
        """Read what is new."""
        async with self._looking:
            await self._read()

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_LOOK)

    async def _read(self) -> None:
        while taken := await _page(self._operator, "/messages", self._taken_after):
            self._taken_after = taken[-1]["number"]
            for each in taken:
                number, part = f"+{each['destination']}", _part(each)
                self._copies[number][part] += 1
                if part == 1:
                    self._texts[number].add(bytes.fromhex(each["short_message"]).decode("latin-1").partition(" ")[0])
        while told := await _page(self._customer, "/deliveries", self._told_after):
            self._told_after = told[-1]["number"]
            for each in told:
                self._hear(msgspec.json.decode(each["body"]))

    def told_at(self, message_id: str | None) -> float | None:
        """When a final state of it was first seen here, in monotonic seconds."""
        told = self._told.get(message_id or "")
        return None if told is None else told.at

    def untold(self, posted: Iterable[Posted]) -> list[Posted]:
        """Those answered whose customer knows no end yet."""
        return [each for each in posted if each.message_id is not None and each.message_id not in self._told]

    def charged_wrong(self, posted: Iterable[Posted], charged: Mapping[str, int]) -> int:
        """Messages told `delivered` of which the usage ledger does not have each part once (P9)."""
        told = [(each, self._told.get(each.message_id or "")) for each in posted]
        return sum(
            charged.get(each.message_id or "", 0) != each.parts
            for each, ends in told
            if ends is not None and "delivered" in {state for _, state in ends.ends}
        )

    def strangers(self, posted: Iterable[Posted]) -> set[str]:
        """Ids that the customer was told of and no request was answered with: a request was taken twice (P4)."""
        return self._heard_of - {each.message_id for each in posted if each.message_id is not None}

    def verdict(self, posted: Iterable[Posted]) -> Verdict:
        """How the promises stand."""
        answered = [each for each in posted if each.message_id is not None]
        ends: Counter[str] = Counter()
        lost = untold = doubled = twice = untrue = mixed_up = 0
        for each in answered:
            told, copies = self._told.get(each.message_id or ""), self._copies.get(each.number, Counter())
            missing = any(not copies[part] for part in range(1, each.parts + 1))
            doubled += sum(count - 1 for count in copies.values())
            mixed_up += not self._texts.get(each.number, set()) <= {each.key}
            if told is None:
                untold += 1
                lost += missing
                continue
            states = {state for _, state in told.ends}
            ends.update(states)
            twice += len(told.ends) > 1
            untrue += "delivered" in states and missing
        return Verdict(
            answered=len(answered),
            lost=lost,
            untold=untold,
            doubled=doubled,
            told_twice=twice,
            untrue=untrue,
            mixed_up=mixed_up,
            ends=dict(ends),
        )

    def _hear(self, event: Mapping[str, Any]) -> None:
        message = event["data"]
        self._heard_of.add(message["id"])
        if message["state"] in FINAL:
            told = self._told.setdefault(message["id"], Told(set(), time.monotonic()))
            told.ends.add((event["id"], message["state"]))


async def _page(http: httpx.AsyncClient, path: str, after: int) -> list[dict[str, Any]]:
    answer = (await http.get(path, params={"after": after, "limit": _PAGE})).json()
    page: list[dict[str, Any]] = answer[path.removeprefix("/")]
    if [each["number"] for each in page] != list(range(after + 1, after + 1 + len(page))):
        raise Forgotten(f"{path} after {after}")
    return page


def _part(taken: Mapping[str, Any]) -> int:
    header: str = taken["udh"]
    return bytes.fromhex(header)[5] if header.startswith(_UDH_OF_PART) else 1
