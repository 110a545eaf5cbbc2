"""What goes to another operator while the link is down."""

from __future__ import annotations

from collections.abc import Sequence

from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.ledger import OutcomeKind
from services.dispatch.sender.news import DOWN_SECONDS
from services.dispatch.sender.on_record import OnRecord
from services.dispatch.sender.settling import Settler
from services.dispatch.sender.waiting import Waiting, leaving
from services.dispatch.sender.work import Attempt, Settled
from shared.clock import Clock
from shared.smpp.link import Link


class Leaving:
    """Hands on whole messages of which nothing was begun, if another operator within reach can have them."""

    def __init__(
        self, link: Link, leases: HeldLeases, settler: Settler, record: OnRecord, clock: Clock, most_unresolved: int
    ) -> None:
        self._link = link
        self._leases = leases
        self._settler = settler
        self._record = record
        self._clock = clock
        self._most_unresolved = most_unresolved
        self._down_since: float | None = None

    def is_time(self) -> bool:
        """Whether the link has been down for long enough."""
        now = self._clock.monotonic()
        if self._link.up:
            self._down_since = None
            return False
        self._down_since = now if self._down_since is None else self._down_since
        return now - self._down_since >= DOWN_SECONDS

    def take(self, waiting: Waiting) -> Sequence[Attempt]:
        """Take out of what waits what another operator can have, as much as may be unresolved; it counts as such."""
        going, at = [], self._record.next_time()
        for attempt in leaving(waiting, self._most_unresolved - self._settler.unresolved):
            epoch = self._leases.epoch_of(attempt.parcel.lease_id)
            if epoch is None or self._settler.is_open(attempt):
                return ()
            attempt.intend(epoch, self._record.link_name, at)
            going.append(attempt)
        for attempt in going:
            self._settler.open(attempt, at)
        waiting.drop(set(going))
        return going

    async def give_back(self, going: Sequence[Attempt]) -> Sequence[Attempt]:
        """Intents that nothing was written for, so that no replay writes anything either; then that on record, and
        the return. Of a message that was begun in an earlier life nothing goes away.
        """
        known = await self._record.known(going, intend=True)
        begun = {attempt.parcel for attempt in going if attempt.key in known}
        again: list[Attempt] = []
        staying: list[Attempt] = []
        for attempt in going:
            if attempt.key in known:
                again.extend(self._record.take_up(attempt, known[attempt.key]))
            elif attempt.parcel in begun:
                staying.append(attempt)
            else:
                self._settler.note(Settled(attempt, self._record.outcome(attempt, OutcomeKind.RETURNED)))
        if staying:
            again.extend(await self._record.withhold(staying))
        return again
