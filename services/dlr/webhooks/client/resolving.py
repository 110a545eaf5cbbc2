"""Host names to addresses that may be reached. Every address of a name is checked, and one is pinned per connection."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Final

import msgspec

from services.dlr.webhooks.client.addresses import may_reach
from services.dlr.webhooks.client.outcome import Failure
from shared.clock import Clock

LookUp = Callable[[str, int], list[str]]
"""All addresses of a name, in the order of preference; blocks. Raises `OSError`."""

_THREADS: Final = 16


class Resolved(msgspec.Struct, frozen=True):
    """Addresses, or why there are none to use."""

    addresses: tuple[str, ...] = ()
    failure: Failure | None = None


class _Entry(msgspec.Struct, frozen=True):
    answer: Resolved
    at: float


class Resolver:
    """Remembers answers for `fresh` seconds; good ones are given for `stale` seconds while they are asked for anew.

    So a slow name server delays nobody whose name is known. One look-up at a time per name, at most 16 in all (a
    thread cannot be interrupted), at most `size` names remembered. One forbidden address among several refuses all.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        private: bool = False,
        look_up: LookUp | None = None,
        fresh: float = 30.0,
        stale: float = 600.0,
        size: int = 20_000,
    ) -> None:
        self._clock = clock
        self._private = private
        self._look_up = look_up or addresses_of
        self._fresh = fresh
        self._stale = stale
        self._size = size
        self._known: OrderedDict[tuple[str, int], _Entry] = OrderedDict()
        self._asking: dict[tuple[str, int], asyncio.Future[Resolved]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook-names")

    async def resolve(self, host: str, port: int) -> Resolved:
        """The addresses to try, in order. May wait as long as the name server likes: the caller sets the limit."""
        if _is_literal(host):
            return self._checked([host])
        key = (host, port)
        entry = self._known.get(key)
        age = self._stale if entry is None else self._clock.monotonic() - entry.at
        if entry is not None and (age < self._fresh or (age < self._stale and entry.answer.failure is None)):
            if age >= self._fresh:
                self._ask(key)
            return entry.answer
        return await asyncio.shield(self._ask(key))

    def close(self) -> None:
        """Ask no more. Threads that wait for a name server end with it."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, key: tuple[str, int]) -> asyncio.Future[Resolved]:
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.ensure_future(self._answer(key))
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return asking

    async def _answer(self, key: tuple[str, int]) -> Resolved:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, *key)
        except (OSError, UnicodeError):
            found = []
        answer = self._checked(found)
        self._known.pop(key, None)
        if len(self._known) >= self._size:
            self._known.popitem(last=False)
        self._known[key] = _Entry(answer, self._clock.monotonic())
        return answer

    def _checked(self, found: list[str]) -> Resolved:
        if not found:
            return Resolved(failure=Failure.UNRESOLVED)
        if not all(may_reach(address, private=self._private) for address in found):
            return Resolved(failure=Failure.ADDRESS_REFUSED)
        return Resolved(tuple(found))


def addresses_of(host: str, port: int) -> list[str]:
    """What the system's resolver says, each address once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
