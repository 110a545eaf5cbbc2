"""What is done to the system while messages pass through it. A fault ends when all that it took away was started again,
or woke up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any, Final, TypeAlias

import msgspec

from shared.smpp.constants import ESME_RMSGQFUL, ESME_RSYSERR
from tests.chaos.system import RESPONSE_TIMEOUT, ChaosSystem

SLEEP: Final = 12.5
"""Seconds asleep: longer than a session of a consumer group and the lease of a sender (10)."""
FULL_DISK: Final = "the broker's disk fills, and has room again"
LEAP: Final = 5.0
"""Hours."""
_LEAPT: Final = 3.0
_LEAVE: Final = 30.0

_REUSED: Final[Mapping[str, Any]] = {"ids": 60, "receipt_id_format": "hex", "receipt_delay_ms": 1_500}
"""Receipts of a second and a half of traffic, which is more messages than there are ids."""

Act: TypeAlias = Callable[[ChaosSystem, Random], Awaitable[None]]


class Fault(msgspec.Struct, frozen=True):
    """One fault. `crashes`: how often it takes a sender away, after each of which parts may go twice."""

    name: str
    act: Act
    crashes: int = 0
    ends: str = ""
    """A process that ends by itself, and must."""
    refuses: bool = False
    """The operator may refuse for good, so that messages end without having been delivered."""
    shows: tuple[str, ...] = ()
    """Counters of the operator that grow, or it was no fault."""
    why_not: Callable[[ChaosSystem], str] = lambda _: ""
    """Why it cannot be done here; empty if it can."""


def meant(name: str, only: Sequence[str]) -> bool:
    """Whether a fault is one of those with these words in their names; without any words all are."""
    return not only or any(words in name for words in only)


def faults(processes: Sequence[str]) -> list[Fault]:
    """All of them, for a system of these processes: one of each role, or of each service."""
    sender = _process_of(processes, "dispatch.sender")
    sleepers = [_process_of(processes, role) for role in ("ingest.screening", "dispatch.sender", "dlr.status")]
    return [
        *(Fault(f"kill -9 of {name}", _killed(name), crashes=name == sender) for name in processes),
        *(Fault(f"SIGSTOP of {name} for {SLEEP:g} s", _asleep(name), crashes=name == sender) for name in sleepers),
        Fault("a second sender joins and leaves, joins and is killed", _joined, crashes=1),
        Fault("kill -9 of the broker", _servers("kafka")),
        Fault("kill -9 of mongod", _servers("mongodb")),
        Fault("kill -9 of Valkey", _servers("valkey")),
        Fault("kill -9 of broker, mongod and Valkey at once", _servers("kafka", "mongodb", "valkey")),
        Fault("kill -9 of everything at once", _everything, crashes=1),
        Fault("Valkey comes back empty", _empty_valkey),
        Fault(FULL_DISK, _full_disk, ends="kafka", why_not=lambda system: system.disk.why_not),
        *(
            Fault(f"the clock of {name} leaps {LEAP:g} hours forth and back", _leaping(name), why_not=_no_clock)
            for name in sleepers[:2]
        ),
        Fault("links drop with submits in flight, half of them taken", _half_taken, shows=("ignored", "links_dropped")),
        Fault(
            "every 150th submit breaks its link, before it is taken",
            _told(drop="before", drop_every=150),
            shows=("links_dropped",),
        ),
        Fault(
            "every 150th submit breaks its link, after it was taken",
            _told(drop="after", drop_every=150),
            shows=("links_dropped",),
        ),
        Fault(
            "every 20th answer comes after the timeout",
            _told(late_ms=round(RESPONSE_TIMEOUT * 1000) + 2_000, late_every=20),
        ),
        Fault("the operator throttles above 40 a second", _told(throttle_above=40), shows=("refused",)),
        *(
            Fault(
                f"every second submit: {what}",
                _told(refuse_status=status, refuse_every=2),
                refuses=status == ESME_RSYSERR,
                shows=("refused",),
            )
            for what, status in (("queue full", ESME_RMSGQFUL), ("system error", ESME_RSYSERR))
        ),
        Fault("receipts before their responses", _told(receipt_early_every=1, response_delay_ms=200)),
        Fault("every receipt three times, out of order", _told(receipt_times=3, receipt_again_ms=90)),
        Fault("receipts on another bind", _told(receipt_elsewhere=True), shows=("receipts_elsewhere",)),
        Fault("operator ids used again before their receipts, hexadecimal in those", _told(**_REUSED)),
        Fault("the same, with kill -9 of the sender", _reused_and_killed(sender), crashes=1),
    ]


def _process_of(processes: Sequence[str], role: str) -> str:
    """The process that runs a role, by its own name or its service's."""
    return role if role in processes else role.partition(".")[0]


def _killed(name: str) -> Act:
    async def act(system: ChaosSystem, _: Random) -> None:
        system.kill(name)

    return act


def _asleep(name: str) -> Act:
    async def act(system: ChaosSystem, _: Random) -> None:
        await system.sleep(name, SLEEP)

    return act


def _leaping(name: str) -> Act:
    """Its wall clock alone; it ends in good order before and after, to be given that clock and its own again."""

    async def act(system: ChaosSystem, _: Random) -> None:
        async with system.clock_of(name) as clock:
            for hours in (LEAP, -LEAP, 0.0):
                clock.leap(hours)
                await asyncio.sleep(_LEAPT)

    return act


def _no_clock(system: ChaosSystem) -> str:
    return system.clocks.why_not


def _servers(*names: str) -> Act:
    async def act(system: ChaosSystem, random: Random) -> None:
        system.kill(*names)
        await asyncio.sleep(random.uniform(0.0, 2.0))
        system.bring_back(*names)

    return act


async def _everything(system: ChaosSystem, _: Random) -> None:
    servers = ("kafka", "mongodb", "valkey")
    system.kill(*servers, *system.services)
    system.bring_back(*servers)


async def _joined(system: ChaosSystem, random: Random) -> None:
    """Its leases are given back the first time, and run out the second time."""
    for leaves in (True, False):
        second = system.another("dispatch", "sender")
        await asyncio.sleep(random.uniform(6.0, 8.0))
        if leaves:
            await asyncio.to_thread(second.stop, _LEAVE)
        else:
            second.kill()


async def _full_disk(system: ChaosSystem, random: Random) -> None:
    system.disk.fill()
    await asyncio.sleep(random.uniform(4.0, 6.0))
    system.disk.make_room()


async def _empty_valkey(system: ChaosSystem, _: Random) -> None:
    system.kill("valkey")
    system.forget("valkey")
    system.bring_back("valkey")


async def _half_taken(system: ChaosSystem, random: Random) -> None:
    """What is under way when the links drop was taken or not, by turns, and not answered."""
    for _ in range(2):
        await system.behave(ignore_every=2, response_delay_ms=1_500)
        await asyncio.sleep(random.uniform(0.5, 1.0))
        await system.drop_links()
        await system.calm_down()
        await asyncio.sleep(1.0)


def _reused_and_killed(sender: str) -> Act:
    async def act(system: ChaosSystem, random: Random) -> None:
        """The sender that knew whose the ids are is gone before the receipts come."""
        await system.behave(**_REUSED)
        await asyncio.sleep(1.5)
        await _killed(sender)(system, random)
        await asyncio.sleep(1.0)
        await system.calm_down()

    return act


def _told(**settings: Any) -> Act:
    """The operator behaves so for some seconds."""
    told: Mapping[str, Any] = settings

    async def act(system: ChaosSystem, random: Random) -> None:
        await system.behave(**told)
        await asyncio.sleep(random.uniform(4.0, 6.0))
        await system.calm_down()

    return act
