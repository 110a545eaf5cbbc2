"""The Kafka kit's pieces as components of a process."""

from __future__ import annotations

import asyncio
from typing import Protocol

from shared.kafka.health import Health as StageHealth
from shared.kafka.sending import Sender
from shared.lifecycle import Health


class Runner(Protocol):
    """What both runners of the kit have in common."""

    @property
    def name(self) -> str:
        """The consumer group."""
        ...

    async def start(self) -> None:
        """Join the group."""
        ...

    async def stop(self, deadline: float) -> None:
        """Finish and leave."""
        ...

    async def wait(self) -> None:
        """Return or raise when it ended."""
        ...

    def health(self) -> StageHealth:
        """How it is now."""
        ...


class Stage:
    """A runner as a component. `share` is the part of what is left of the deadline that it may use to drain."""

    def __init__(self, runner: Runner, *, share: float = 0.5) -> None:
        self.name = runner.name
        self._runner = runner
        self._share = share

    async def start(self) -> None:
        """Join the group."""
        await self._runner.start()

    async def stop(self, deadline: float) -> None:
        """Finish what runs and leave the group."""
        await self._runner.stop(deadline * self._share)

    async def wait(self) -> None:
        """Return or raise when the runner ended by itself."""
        await self._runner.wait()

    def health(self) -> Health:
        """The runner's health, in words."""
        state = self._runner.health()
        paused = ", ".join(f"{partition} {why}" for partition, why in state.paused.items() if why != "full")
        reason = "" if state.ready else "no assignment yet"
        return Health(ready=state.ready, live=state.live, reason=f"paused: {paused}" if paused else reason)


class Producing:
    """A `Sender` as a component: started before what sends through it, stopped after."""

    def __init__(self, sender: Sender) -> None:
        self.name = "kafka producer"
        self._sender = sender
        self._started = False

    async def start(self) -> None:
        """Connect."""
        await self._sender.start()
        self._started = True

    async def stop(self, deadline: float) -> None:
        """Let running sends end, disconnect."""
        self._started = False
        await self._sender.stop(deadline)

    async def wait(self) -> None:
        """A sender mends itself and never ends; wait for ever."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Ready once connected."""
        return Health(ready=self._started, reason="" if self._started else "not connected")
