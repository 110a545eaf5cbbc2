"""The role `screening`: requests in; accepted messages, holds, delays and facts out, in one transaction per batch."""

from __future__ import annotations

from collections import Counter as Sums
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

import msgspec

from services.ingest.screening.counters import NO_CAP, NO_COUNT, Counters, Entry, Standing, digest_of
from services.ingest.screening.counting import Kind, Tallies
from services.ingest.screening.deciding import decide
from services.ingest.screening.facts import Case, Form
from services.ingest.screening.known import Known
from services.ingest.screening.metrics import ScreeningMetrics
from services.ingest.screening.outputs import Outputs
from services.ingest.screening.rules.form import form
from services.ingest.screening.rules.monthly_cap import cap_of, month_of, monthly_cap
from services.ingest.screening.verdict import PASSED, Delay, Held, Passed, Reject, Verdict
from shared.clock import Clock
from shared.contracts import envelope
from shared.contracts.codec import only
from shared.contracts.codes import Reason
from shared.contracts.events import SendRequested
from shared.contracts.words import FactKind
from shared.kafka.record import Output, Received
from shared.privacy.sealing import Erased, Sealer

read_request = partial(only, SendRequested)

_ERASED: Final = Reject(Reason.ERASED, "erased")
_FULL: Final = frozenset({Standing.FULL, Standing.FULL_AGAIN})
_FIRST: Final = frozenset({Standing.FRESH, Standing.FULL})
_KINDS: Final = {Passed: Kind.PASSED, Reject: Kind.REFUSED, Held: Kind.HELD, Delay: Kind.DELAYED}
"""Without what was valid no more: that we were late says nothing of the account."""


class Screened(msgspec.Struct, frozen=True, gc=False):
    """A request, what the rules say of it, and what they saw; `case` is None when its form is already wrong."""

    received: Received[SendRequested]
    verdict: Verdict
    case: Case | None = None
    number: str = ""

    def __repr__(self) -> str:
        return f"Screened(verdict={self.verdict})"


Labels: TypeAlias = tuple[str, str]


class Screening:
    """Decides on one lane's requests.

    Per batch: accounts that nobody told of (seldom), each request by the rules, then the counters in one call, which
    also tell repeats, then outputs. A batch replayed after a crash decides the same but for the clock, and its outputs
    have the same ids.
    """

    def __init__(
        self,
        known: Known,
        counters: Counters,
        outputs: Outputs,
        sealer: Sealer,
        clock: Clock,
        tallies: Tallies,
        metrics: ScreeningMetrics,
        *,
        messages_per_month: int,
    ) -> None:
        """`messages_per_month` is the cap of an account that has none of its own."""
        self._known = known
        self._counters = counters
        self._outputs = outputs
        self._sealer = sealer
        self._clock = clock
        self._tallies = tallies
        self._cap = messages_per_month
        self._metrics = metrics

    async def __call__(self, batch: Sequence[Received[SendRequested]]) -> Sequence[Output]:
        """Decide each request of the batch."""
        await self._known.require({received.event.account_id for received in batch})
        now = self._clock.now()
        screened = [self._screen(received, now) for received in batch]
        standings = await self._counters.count([self._entry(one) for one in screened])
        outputs: list[Output] = []
        sums: Sums[Labels] = Sums()
        for one, standing in zip(screened, standings, strict=True):
            if standing is Standing.REPEATED:
                sums["repeat", ""] += 1
                continue
            verdict = one.verdict
            if standing in _FULL and one.case is not None:
                verdict = Held((monthly_cap(one.case),))
            outputs += self._written(one, verdict, now)
            sums[_labels(verdict)] += 1
            request = one.received.event
            kind = _KINDS.get(type(verdict))
            if kind is not None and standing in _FIRST and request.hold_release is None:
                self._tallies.add(request.account_id, kind)
        for labels, number in sums.items():
            self._metrics.verdicts.labels(*labels).inc(number)
        return outputs

    def _screen(self, received: Received[SendRequested], now: datetime) -> Screened:
        request = received.event
        number = self._sealer.open(request.account_id, request.message_id, "to", request.to)
        text = self._sealer.open(request.account_id, request.message_id, "content", request.content)
        if isinstance(number, Erased) or isinstance(text, Erased):
            return Screened(received, _ERASED)
        shape = form(request, number, text, now)
        if not isinstance(shape, Form):
            return Screened(received, shape)
        case = Case(
            request=request,
            form=shape,
            text=text,
            account=self._known.account(request.account_id),
            opted_out=self._known.opted_out(request.account_id, shape.number, shape.sender),
            signals=self._known.signals(request.account_id, now),
            now=now,
        )
        return Screened(received, decide(case), case, number)

    def _entry(self, one: Screened) -> Entry:
        """What the counters are asked: everything is told apart from its repeats, what passed is counted."""
        received = one.received
        record, request = received.record, received.event
        cap: int | None = NO_COUNT
        if one.verdict is PASSED and one.case is not None:
            cap = cap_of(one.case, self._cap)
        return Entry(
            event=digest_of(envelope.event_id(record)),
            place=f"{request.lane[0]}{record.partition}@{record.offset}",
            account_id=request.account_id,
            month=month_of(request.requested_at),
            cap=NO_CAP if cap is None else cap,
        )

    def _written(self, one: Screened, verdict: Verdict, now: datetime) -> Sequence[Output]:
        received, case = one.received, one.case
        if case is not None:
            if isinstance(verdict, Passed):
                return (self._outputs.accepted(received, case.form, one.number, now),)
            if isinstance(verdict, Held):
                return self._outputs.held(received, case.form, verdict, now)
            if isinstance(verdict, Delay):
                return self._outputs.delayed(received, case.form, verdict, now)
        if isinstance(verdict, Reject):
            return (self._outputs.fact(received, FactKind.REJECTED, verdict.code, now),)
        return (self._outputs.fact(received, FactKind.EXPIRED, Reason.VALIDITY_OVER, now),)


def _labels(verdict: Verdict) -> Labels:
    match verdict:
        case Passed():
            return "pass", ""
        case Reject():
            return "reject", verdict.rule
        case Held():
            return "held", "+".join(hold.rule for hold in verdict.holds)
        case Delay():
            return "delay", verdict.rule
        case _:
            return "expire", ""
