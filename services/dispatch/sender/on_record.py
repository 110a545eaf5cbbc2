"""What the ledger knows of attempts, and how to go on from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from services.dispatch.sender.inherited import Inherited
from services.dispatch.sender.insisting import insist
from services.dispatch.sender.ledger import NOT_TAKEN, AttemptKey, Ledger, Outcome, OutcomeKind, Standing, milliseconds
from services.dispatch.sender.settling import Settler
from services.dispatch.sender.work import Attempt, Settled
from shared.clock import Clock

_MILLISECOND = timedelta(milliseconds=1)


class OnRecord:
    """The ledger as the submitter of one link uses it: it waits for the store however long that takes."""

    def __init__(self, link_name: str, ledger: Ledger, settler: Settler, inherited: Inherited, clock: Clock) -> None:
        self.link_name = link_name
        self._ledger = ledger
        self._settler = settler
        self._inherited = inherited
        self._clock = clock
        self._latest = datetime.min.replace(tzinfo=UTC)
        inherited.go_on = self._inherit

    def next_time(self) -> datetime:
        """Now, but later than any other answer: the time of an intent tells it from the others of its epoch."""
        self._latest = max(milliseconds(self._clock.now()), self._latest + _MILLISECOND)
        return self._latest

    async def known(self, attempts: Sequence[Attempt], *, intend: bool = False) -> Mapping[AttemptKey, Standing]:
        """What the ledger knows of attempts, and if so wished their intents, however long the store needs.

        An intent that may or may not have been written is written again.
        """
        intents = [attempt.intent for attempt in attempts if attempt.intent is not None]
        ask = partial(self._ledger.intend if intend else self._ledger.standing, intents)
        return await insist("ledger_away", ask, link=self.link_name, count=len(intents))

    def take_up(self, attempt: Attempt, standing: Standing) -> Sequence[Attempt]:
        """A replay: go on from what the ledger says.

        An attempt of another topic's lease is that of a return that was told twice and went two ways: it is theirs.
        """
        attempt.intent = standing.intent
        if standing.intent.lease.rpartition(":")[0] != attempt.parcel.received.record.topic:
            self._settler.leave(attempt)
            return ()
        if standing.outcome is None:
            self._settler.close(attempt)
            self._inherited.add(attempt)
            return ()
        return self._go_on(attempt, standing.outcome)

    def _go_on(self, attempt: Attempt, outcome: Outcome) -> Sequence[Attempt]:
        """Go on from an outcome that is on record."""
        if outcome.kind in NOT_TAKEN:
            self._settler.close(attempt)
            return (attempt.next(),)
        self._settler.note(Settled(attempt, outcome, durable=True))
        return ()

    def _inherit(self, attempt: Attempt, outcome: Outcome | None) -> None:
        """What a predecessor began is over, with an outcome or without."""
        if outcome is None:
            self._settler.note(Settled(attempt, self.outcome(attempt, OutcomeKind.UNKNOWN)))
        else:
            for again in self._go_on(attempt, outcome):
                self._settler.try_again(again)

    async def withhold(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """Put on record that these were never written: only then may the next attempt begin."""
        withheld = [self.outcome(attempt, OutcomeKind.WITHHELD) for attempt in attempts]
        stood = await self._settler.record(withheld)
        return [
            again
            for attempt, outcome in zip(attempts, withheld, strict=True)
            for again in self._go_on(attempt, stood.get(outcome.row_id, outcome))
        ]

    def outcome(
        self,
        attempt: Attempt,
        kind: OutcomeKind,
        *,
        operator_id: str | None = None,
        status: int | None = None,
        late: bool = False,
    ) -> Outcome:
        """What came of an attempt, now."""
        at = milliseconds(self._clock.now())
        return Outcome(attempt.key, kind, at, self.link_name, operator_id, status, late)
