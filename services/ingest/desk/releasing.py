"""Lets go what was decided, whose time has come, or whose validity is over, and tells of what was cancelled.

Claim, write, mark, in this order, in batches: a crash behind the claim leaves messages that are claimed again when the
claim is over; one behind the write makes the same records again, with the same ids, and screening drops them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from secrets import token_hex
from typing import Final, Protocol

from services.ingest.desk.rows import Held, Hold, HoldState, Waiting
from services.ingest.desk.store import DeskStore
from services.ingest.desk.writing import DeskWriter, decision_id, refusal_of
from shared.clock import Clock
from shared.contracts.codes import Reason
from shared.contracts.holds import HoldId
from shared.contracts.words import FactKind
from shared.kafka.record import Output
from shared.looking import Looking

BATCH: Final = 500
_HOLDS: Final = 50
_SEND_SECONDS: Final = 10.0
_LONGEST: Final = 5.0


class Send(Protocol):
    """`shared.kafka.sending.Sender.send`."""

    def __call__(self, outputs: Sequence[Output], *, deadline: float) -> Awaitable[None]:
        """Write, and return once all replicas have it."""
        ...


class Releasing(Looking):
    """A component. Any number of processes may run one: each looks every `every` seconds while anything waits, whoever
    took it over, and every 5 while nothing does.
    """

    def __init__(
        self,
        store: DeskStore,
        send: Send,
        writer: DeskWriter,
        clock: Clock,
        *,
        every: float = 0.5,
        token: Callable[[], str] = lambda: token_hex(12),
    ) -> None:
        super().__init__("releasing", self._look_after, every=every, longest=_LONGEST, waits="nothing_released")
        self._store = store
        self._send = send
        self._writer = writer
        self._clock = clock
        self._token = token
        self._told: set[HoldId] = set()

    async def work(self) -> int:
        """Everything that is to be done now; how many messages. Raises `TryLater` without database or broker."""
        count = 0
        while done := await self._turn():
            count += done
        return count

    async def _turn(self) -> int:
        """A batch of each decided hold, of what is due, of what expired, and of what was cancelled: nobody waits behind
        a long one.
        """
        count = 0
        for hold in await self._store.decided(_HOLDS):
            count += await self._decided(hold)
        if await self._store.ripe(self._clock.now()):
            count += await self._due() + await self._expired() + await self._cancelled()
        return count

    async def _look_after(self) -> bool:
        return await self.work() > 0 or await self._store.waits()

    async def _decided(self, hold: Hold) -> int:
        """Tell of the decision, let a batch go, and settle the hold once nothing waits."""
        decided, claim = hold.decided, self._token()
        if decided is None:
            return 0
        held = await self._store.of_hold(hold.hold_id, self._clock.now(), claim, BATCH)
        if hold.hold_id not in self._told:
            # Told before anything is let go: whoever sees a message move can find out who let it.
            await self._write([self._writer.decision(hold, decided)])
            self._told.add(hold.hold_id)
        if held and hold.state is HoldState.APPROVED:
            await self._write(
                [self._writer.fact(one, FactKind.RELEASED, decided.at, cause=decision_id(hold)) for one in held]
            )
            await self._write([self._writer.release(one, hold, decided) for one in held])
            await self._store.mark(claim, Waiting.RELEASED, self._clock.now())
        elif held:
            code, cause = refusal_of(hold), decision_id(hold)
            await self._write(
                [self._writer.fact(one, FactKind.REJECTED, decided.at, code=code, cause=cause) for one in held]
            )
            await self._store.mark(claim, Waiting.REJECTED, self._clock.now())
        elif not await self._store.open(hold.hold_id):
            await self._store.settle(hold)
            self._told.discard(hold.hold_id)
        return len(held)

    async def _due(self) -> int:
        now, claim = self._clock.now(), self._token()
        held = await self._store.due(now, claim, BATCH)
        if held:
            await self._write(
                [self._writer.fact(one, FactKind.RELEASED, one.due_at or now, cause=one.why) for one in held]
            )
            await self._write([self._writer.due(one) for one in held])
            await self._store.mark(claim, Waiting.RELEASED, now)
        return len(held)

    async def _expired(self) -> int:
        now, claim = self._clock.now(), self._token()
        held = await self._store.expired(now, claim, BATCH)
        if held:
            await self._write([self._expiry(one) for one in held])
            await self._store.mark(claim, Waiting.EXPIRED, now)
        return len(held)

    async def _cancelled(self) -> int:
        now, claim = self._clock.now(), self._token()
        held = await self._store.cancelled(now, claim, BATCH)
        if held:
            await self._write(
                [self._writer.fact(one, FactKind.CANCELLED, one.cancelled_at or now, cause=one.why) for one in held]
            )
            await self._store.mark(claim, Waiting.CANCELLED, now)
        return len(held)

    def _expiry(self, held: Held) -> Output:
        return self._writer.fact(held, FactKind.EXPIRED, held.expires_at, code=Reason.VALIDITY_OVER, cause=held.why)

    async def _write(self, outputs: Sequence[Output]) -> None:
        await self._send(outputs, deadline=_SEND_SECONDS)
