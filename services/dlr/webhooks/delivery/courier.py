"""Carries deliveries out: so many in flight per endpoint, a bounded queue behind, nothing to who does not answer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

from services.dlr.webhooks import signing
from services.dlr.webhooks.client.connection import Done
from services.dlr.webhooks.client.outcome import TIMEOUTS, Failure, Outcome
from services.dlr.webhooks.client.targets import Target
from services.dlr.webhooks.delivery.circuit import Circuit, Stance
from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.endpoints.policy import Place, valid_keys
from shared.clock import Clock
from shared.lifecycle import Health
from shared.tasks import end

Post: TypeAlias = Callable[[Target, bytes, bytes, Done], None]

_TICK: Final = 0.25
_NEW: Final = 2
_SHARE: Final = 16
_PROVEN_SHARE: Final = 4
_LEAST: Final = 8
_NOTHING_SENT: Final = Outcome(failure=Failure.BUSY)


class Errand:
    """One attempt: what, where to, and whom to tell. `since` is when it was offered (monotonic)."""

    __slots__ = ("body", "done", "place", "since", "webhook_id")

    def __init__(self, place: Place, webhook_id: str, body: bytes, done: Done) -> None:
        self.place = place
        self.webhook_id = webhook_id
        self.body = body
        self.done = done
        self.since = 0.0


class _Channel:
    """What shares one fate. `allowed` in flight grows by one with each answer and falls back with a timeout."""

    __slots__ = ("allowed", "circuit", "filling", "in_flight", "waiting")

    def __init__(self) -> None:
        self.allowed = _NEW
        self.circuit = Circuit()
        self.filling = False
        self.in_flight = 0
        self.waiting: deque[Errand] = deque()


class Courier:
    """Takes errands or says no; who is refused parks.

    All channels share a backlog; one channel may fill a sixteenth of what is left of it, a fourth once it has proven
    itself by as many answers as may be in flight: those who hang leave room to the others however many they are. An
    errand waits at most `patience` seconds for its place, then nothing
    was sent. An open circuit gives back all that waits. At most `size` channels are remembered.
    """

    def __init__(
        self,
        post: Post,
        clock: Clock,
        metrics: WebhookMetrics,
        *,
        in_flight: int = 16,
        patience: float = 5.0,
        backlog: int = 16_000,
        size: int = 50_000,
    ) -> None:
        self.name = "webhook courier"
        self._post = post
        self._clock = clock
        self._metrics = metrics
        self._most_in_flight = in_flight
        self._patience = patience
        self._backlog = backlog
        self._size = size
        self._channels: OrderedDict[str, _Channel] = OrderedDict()
        self._queued: dict[str, _Channel] = {}
        self._resting: dict[str, _Channel] = {}
        self._waiting = 0
        self._in_flight = 0
        self._eased = asyncio.Event()
        self._eased.set()
        self._landed = asyncio.Event()
        self._second: tuple[float, datetime] = (float("-inf"), clock.now())
        self._ticking: asyncio.Task[None] | None = None

    def offer(self, errand: Errand) -> bool:
        """Send it now or soon; False when it is not taken. `done` is called once for what is taken, perhaps at once."""
        now = self._clock.monotonic()
        channel = self._channel(errand.place.channel)
        stance = channel.circuit.stance(now)
        if stance is Stance.OPEN or (stance is Stance.PROBING and channel.in_flight):
            return False
        errand.since = now
        if channel.in_flight < channel.allowed and not channel.waiting:
            self._send(channel, errand)
            return True
        if len(channel.waiting) >= self._limit(channel):
            return False
        channel.waiting.append(errand)
        self._queued[errand.place.channel] = channel
        self._waiting += 1
        if self._waiting >= self._backlog * 3 // 4:
            self._eased.clear()
        return True

    async def eased(self) -> None:
        """Wait while the backlog is more than three quarters full; at most as long as errands may wait."""
        await self._eased.wait()

    def room(self, name: str) -> int:
        """How many errands a channel would take now."""
        channel = self._channels.get(name)
        if channel is None:
            return _NEW + self._limit(None)
        stance = channel.circuit.stance(self._clock.monotonic())
        if stance is not Stance.CLOSED:
            return int(stance is Stance.PROBING and not channel.in_flight)
        return max(channel.allowed - channel.in_flight, 0) + max(self._limit(channel) - len(channel.waiting), 0)

    def resting(self) -> list[str]:
        """The channels that are left alone."""
        now = self._clock.monotonic()
        return [name for name, channel in self._resting.items() if channel.circuit.stance(now) is Stance.OPEN]

    async def start(self) -> None:
        """Begin to watch the queues."""
        self._ticking = asyncio.create_task(self._tick(), name=self.name)

    async def stop(self, deadline: float) -> None:
        """Give back what waits, let what is in flight end within `deadline` seconds."""
        if self._ticking is not None:
            await end(self._ticking)
            self._ticking = None
        for name, channel in list(self._queued.items()):
            self._give_back(name, channel)
        if self._in_flight:
            self._landed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    await self._landed.wait()

    async def wait(self) -> None:
        """Raise what ended the watch; it never ends by itself."""
        if self._ticking is not None:
            await asyncio.shield(self._ticking)

    def health(self) -> Health:
        """Ready once started."""
        return Health(ready=self._ticking is not None, reason="" if self._ticking else "not started")

    def _limit(self, channel: _Channel | None) -> int:
        proven = channel is not None and channel.allowed >= self._most_in_flight
        return max((self._backlog - self._waiting) // (_PROVEN_SHARE if proven else _SHARE), _LEAST)

    def _channel(self, name: str) -> _Channel:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel()
            if len(self._channels) > self._size:
                self._forget_one()
        else:
            self._channels.move_to_end(name)
        return channel

    def _forget_one(self) -> None:
        """Forget the one used longest ago of those that do nothing."""
        for name, channel in self._channels.items():
            if not channel.in_flight and not channel.waiting:
                del self._channels[name]
                self._resting.pop(name, None)
                return

    def _send(self, channel: _Channel, errand: Errand) -> None:
        channel.in_flight += 1
        self._in_flight += 1
        now = self._now()
        place = errand.place
        headers = signing.headers(errand.webhook_id, int(now.timestamp()), errand.body, valid_keys(place.keys, now))
        self._post(place.target, headers, errand.body, partial(self._ended, channel, errand))

    def _now(self) -> datetime:
        """Wall time to the tenth of a second is enough for a signature."""
        monotonic = self._clock.monotonic()
        if monotonic - self._second[0] > 0.1:
            self._second = (monotonic, self._clock.now())
        return self._second[1]

    def _ended(self, channel: _Channel, errand: Errand, outcome: Outcome) -> None:
        channel.in_flight -= 1
        self._in_flight -= 1
        if not self._in_flight:
            self._landed.set()
        self._metrics.attempt(outcome)
        name = errand.place.channel
        if channel.circuit.after(outcome, self._clock.monotonic()):
            self._resting[name] = channel
        elif channel.circuit.until is None:
            self._resting.pop(name, None)
        if outcome.failure is None:
            channel.allowed = min(channel.allowed + 1, self._most_in_flight)
        elif outcome.failure in TIMEOUTS:
            channel.allowed = _NEW
        errand.done(outcome)
        if name in self._resting:
            self._give_back(name, channel)
        elif channel.waiting:
            self._fill(name, channel)

    def _fill(self, name: str, channel: _Channel) -> None:
        """Send what waits, as far as there is room. An outcome that comes at once must not call this again."""
        if channel.filling:
            return
        channel.filling = True
        while channel.waiting and channel.in_flight < channel.allowed:
            self._send(channel, self._pop(name, channel))
        channel.filling = False

    def _pop(self, name: str, channel: _Channel) -> Errand:
        errand = channel.waiting.popleft()
        self._waiting -= 1
        if not channel.waiting:
            self._queued.pop(name, None)
        if self._waiting < self._backlog // 2:
            self._eased.set()
        return errand

    def _give_back(self, name: str, channel: _Channel) -> None:
        while channel.waiting:
            self._pop(name, channel).done(_NOTHING_SENT)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            oldest = self._clock.monotonic() - self._patience
            for name, channel in list(self._queued.items()):
                while channel.waiting and channel.waiting[0].since <= oldest:
                    self._pop(name, channel).done(_NOTHING_SENT)
            self._metrics.waiting.set(self._waiting)
            self._metrics.resting.set(len(self._resting))
