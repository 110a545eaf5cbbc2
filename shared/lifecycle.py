"""How a process of ours lives: start, ready, live, drain on SIGTERM within a deadline, say what it waits for.

A process runs one or more components (a role is one or several of them). They start in order, stop in reverse, and
share one deadline. A component that ends by itself ends the process.

Exit codes: 0 stopped as asked, 1 a fatal error, 2 a bad setting.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from shared.clock import Clock
from shared.errors import BadSettings, BudstikkeError, Disposition, Fatal
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 2.0
_LEAST_STOP = 0.5


class Health(msgspec.Struct, frozen=True):
    """Answer to the probes. `reason` says what is waited for or wrong, without addresses or secrets."""

    ready: bool
    live: bool = True
    reason: str = ""


class Component(Protocol):
    """Something with a life of its own inside a process."""

    @property
    def name(self) -> str:
        """Name in logs and probes."""
        ...

    async def start(self) -> None:
        """Start; may raise an error whose disposition is RETRY when a dependency is not up yet."""
        ...

    async def stop(self, deadline: float) -> None:
        """Finish or give back running work within `deadline` seconds, then release everything."""
        ...

    async def wait(self) -> None:
        """Return or raise when the component ended without having been asked to."""
        ...

    def health(self) -> Health:
        """State for the probes; must not block."""
        ...


class Process:
    """Runs components until a signal comes or one of them ends."""

    def __init__(self, components: Sequence[Component], clock: Clock, *, start_seconds: float, drain_seconds: float):
        self._components = tuple(components)
        self._clock = clock
        self._start_seconds = start_seconds
        self._drain_seconds = drain_seconds
        self._stop = asyncio.Event()
        self._started: list[Component] = []
        self._waiting_for: str | None = "start"

    def health(self) -> Health:
        """Ready when every component is started and ready, and no stop was asked for."""
        if self._stop.is_set():
            return Health(ready=False, reason="stopping")
        if self._waiting_for is not None:
            return Health(ready=False, reason=f"waiting for {self._waiting_for}")
        states = [(component.name, component.health()) for component in self._components]
        troubled = [(name, state) for name, state in states if not (state.ready and state.live)]
        reasons = [f"{name}: {state.reason or ('not ready' if state.live else 'not live')}" for name, state in troubled]
        return Health(
            ready=all(state.ready for _, state in states),
            live=all(state.live for _, state in states),
            reason="; ".join(reasons),
        )

    def ask_to_stop(self) -> None:
        """Begin to drain; a repeat is nothing."""
        self._stop.set()

    async def run(self) -> int:
        """Live. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask_to_stop)
        code = 0
        try:
            await self._start_all()
            if not self._stop.is_set():
                _log.info("ready", components=[component.name for component in self._components])
                code = await self._watch()
        except BadSettings as error:
            _log.error("bad_settings", code=error.code, detail=error.detail)
            code = 2
        except BudstikkeError as error:
            _log.error("start_failed", code=error.code, detail=error.detail)
            code = 1
        except Exception as error:
            _log.error("start_failed", error=type(error).__name__, exc_info=error)
            code = 1
        finally:
            await self._stop_all()
        _log.info("stopped", exit_code=code)
        return code

    async def _start_all(self) -> None:
        end = self._clock.monotonic() + self._start_seconds
        for component in self._components:
            self._waiting_for = component.name
            await self._start_one(component, end)
            if self._stop.is_set():
                return
        self._waiting_for = None

    async def _start_one(self, component: Component, end: float) -> None:
        """Start a component, with patience for what it depends on until `end`; a stop asked for cuts it short."""
        pause = _FIRST_WAIT
        while not self._stop.is_set():
            self._started.append(component)
            try:
                await self._unless_stopped(component, max(end - self._clock.monotonic(), _LEAST_STOP))
                return
            except BudstikkeError as error:
                await self._stop_one(component, _LEAST_STOP)
                self._started.pop()
                if error.disposition is not Disposition.RETRY or self._clock.monotonic() + pause > end:
                    raise
                _log.warning("waiting", component=component.name, code=error.code, detail=error.detail)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            pause = min(pause * 2, _LONGEST_WAIT)

    async def _unless_stopped(self, component: Component, seconds: float) -> None:
        """Let a component start for at most `seconds`, or until a stop is asked for."""
        starting = asyncio.ensure_future(component.start())
        asked = asyncio.ensure_future(self._stop.wait())
        try:
            done, _ = await asyncio.wait({starting, asked}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(starting, asked)
        if starting in done:
            starting.result()
        elif not done:
            raise Fatal("start_deadline", f"{component.name} did not start within BUDSTIKKE_START_SECONDS")

    async def _watch(self) -> int:
        """Wait for a signal or for the first component that ends by itself."""
        ends = {asyncio.ensure_future(component.wait()): component for component in self._components}
        asked = asyncio.ensure_future(self._stop.wait())
        try:
            done, _ = await asyncio.wait({asked, *ends}, return_when=asyncio.FIRST_COMPLETED)
            code = 0
            for task, component in ends.items():
                if task not in done:
                    continue
                code = 1
                error = None if task.cancelled() else task.exception()
                _log.error(
                    "component_ended",
                    component=component.name,
                    code=error.code if isinstance(error, BudstikkeError) else None,
                    error=type(error).__name__ if error else None,
                    exc_info=error,
                )
            return code
        finally:
            await end(asked, *ends)

    async def _stop_all(self) -> None:
        """Stop what was started, in reverse. Each may use half of what is left of the one deadline: one that cannot
        finish, such as the sender to an operator that is away, leaves time to those behind it.
        """
        self._stop.set()
        end = self._clock.monotonic() + self._drain_seconds
        for component in reversed(self._started):
            seconds = max((end - self._clock.monotonic()) / 2, _LEAST_STOP)
            _log.info("draining", component=component.name, seconds=round(seconds, 1))
            await self._stop_one(component, seconds)

    async def _stop_one(self, component: Component, seconds: float) -> None:
        """Stop a component; one that fails or overruns does not keep the others from being stopped."""
        try:
            async with asyncio.timeout(seconds + _LEAST_STOP):
                await component.stop(seconds)
        except TimeoutError:
            _log.error("drain_deadline", component=component.name)
        except Exception as error:
            _log.error("stop_failed", component=component.name, exc_info=error)


class Prepare:
    """A component that does one thing at the start, such as making indexes, and then nothing."""

    def __init__(self, name: str, act: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._act = act
        self._done = False

    async def start(self) -> None:
        """Do it."""
        await self._act()
        self._done = True

    async def stop(self, deadline: float) -> None:
        """Nothing to release."""

    async def wait(self) -> None:
        """Never ends by itself."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Ready once it is done."""
        return Health(ready=self._done, reason="" if self._done else "not done")


async def first_end(*waits: Coroutine[None, None, None]) -> None:
    """Return or raise as the first of several `wait`s does; the others are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await end(*tasks)
