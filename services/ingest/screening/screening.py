"""The role `screening`: requests in, accepted messages and facts out, in one transaction per batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from services.ingest.screening.rules import decide
from services.ingest.screening.verdict import Expire, Pass, Reject, Verdict
from shared.clock import Clock
from shared.contracts import envelope, topics
from shared.contracts.codec import Writer, only
from shared.contracts.codes import Reason
from shared.contracts.events import MessageAccepted, PartFact, SendRequested
from shared.contracts.words import FactKind
from shared.ids import partition_of
from shared.kafka.record import Output, Received, header
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Erased, Sealer

SOURCE = "/budstikke/ingest/screening"

_FIELDS: Final = tuple(SendRequested.__struct_fields__)
_values = attrgetter(*_FIELDS)

read_request = partial(only, SendRequested)


class Screening:
    """Decides on one lane's requests.

    A batch replayed after a crash decides the same but for the clock, and its outputs have the same ids. The sealed
    text is passed on as it came, and so is the number unless it has to be written as E.164 first: what they are bound
    to does not change.
    """

    def __init__(
        self, sealer: Sealer, pseudonyms: Pseudonyms, clock: Clock, partitions: int, registry: CollectorRegistry
    ) -> None:
        self._sealer = sealer
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._partitions = partitions
        self._write = Writer(SOURCE).output
        verdicts = Counter(
            "budstikke_screening_verdicts", "Requests by verdict and rule", ["verdict", "rule"], registry=registry
        )
        self._verdicts = verdicts
        self._passed = verdicts.labels("pass", "")

    async def __call__(self, batch: Sequence[Received[SendRequested]]) -> Sequence[Output]:
        """Decide each request of the batch; one output for each."""
        now = self._clock.now()
        passed = 0
        outputs = []
        for received in batch:
            output, verdict = self._screen(received, now)
            outputs.append(output)
            if isinstance(verdict, Pass):
                passed += 1
            else:
                rule = verdict.rule if isinstance(verdict, Reject) else ""
                self._verdicts.labels(type(verdict).__name__.lower(), rule).inc()
        self._passed.inc(passed)
        return outputs

    def _screen(self, received: Received[SendRequested], now: datetime) -> tuple[Output, Verdict]:
        request = received.event
        number = self._sealer.open(request.account_id, request.message_id, "to", request.to)
        text = self._sealer.open(request.account_id, request.message_id, "content", request.content)
        if isinstance(number, Erased) or isinstance(text, Erased):
            reject = Reject(Reason.ERASED, "erased")
            return self._fact(received, reject, now), reject
        verdict = decide(request, number, text, now)
        if isinstance(verdict, Pass):
            return self._accept(received, verdict, number, now), verdict
        return self._fact(received, verdict, now), verdict

    def _accept(self, received: Received[SendRequested], verdict: Pass, number: str, now: datetime) -> Output:
        request = received.event
        fields = dict(zip(_FIELDS, _values(request), strict=True))
        fields["sender"] = verdict.sender
        if verdict.number != number:
            fields["to"] = self._sealer.seal(request.account_id, request.message_id, "to", verdict.number, now)
        accepted = MessageAccepted(
            **fields,
            coding=verdict.coding,
            parts=verdict.parts,
            country=verdict.country,
            pseudonym=self._pseudonyms.of(request.account_id, verdict.number, request.requested_at),
            accepted_at=now,
        )
        return self._write(
            topics.accepted(request.lane),
            partition_of(request.message_id, self._partitions),
            accepted,
            event_id=f"{request.message_id}:accepted",
            time=now,
            subject=request.message_id,
            traceparent=header(received.record, envelope.TRACEPARENT),
        )

    def _fact(self, received: Received[SendRequested], verdict: Reject | Expire, now: datetime) -> Output:
        request = received.event
        kind, code = (
            (FactKind.EXPIRED, Reason.VALIDITY_OVER)
            if isinstance(verdict, Expire)
            else (FactKind.REJECTED, verdict.code)
        )
        fact = PartFact(
            message_id=request.message_id,
            account_id=request.account_id,
            kind=kind,
            at=now,
            category=request.category,
            parts=1,
            cause=envelope.event_id(received.record),
            code=code,
            test=request.test,
        )
        return self._write(
            topics.FACTS,
            partition_of(request.message_id, self._partitions),
            fact,
            event_id=f"{request.message_id}:screening:{kind}",
            time=now,
            subject=request.message_id,
            traceparent=header(received.record, envelope.TRACEPARENT),
        )
