"""What the desk writes. All ids follow from the message and the reason it waited for: written twice, it is the same."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from services.ingest.desk.rows import Decided, Held, Hold, HoldState
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.codes import Reason
from shared.contracts.events import HoldRelease, PartFact, SendRequested
from shared.contracts.holds import REFUSED_FOR, Decision, HoldDecided
from shared.contracts.words import FactKind
from shared.ids import partition_of
from shared.kafka.record import Output

SOURCE: Final = "/budstikke/ingest/desk"

_decode: Final = msgspec.json.Decoder(SendRequested).decode


class DeskWriter:
    """Writes for one role."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._write = Writer(SOURCE).output

    def release(self, held: Held, hold: Hold, decided: Decided) -> Output:
        """The request once more, with what was decided: of this hold, and of those that it was in before."""
        request = _decode(held.request)
        before = request.hold_release.rules if request.hold_release is not None else ()
        rules = dict.fromkeys([*before, *(finding.rule for finding in hold.findings)])
        release = HoldRelease(hold_id=hold.hold_id, by=decided.by, rules=tuple(rules))
        return self._request(msgspec.structs.replace(request, hold_release=release), held, "released", decided.at)

    def due(self, held: Held) -> Output:
        """The request once more, as it came."""
        return self._request(_decode(held.request), held, "released", held.due_at or held.since)

    def fact(self, held: Held, kind: FactKind, at: datetime, *, code: Reason | None = None, cause: str) -> Output:
        """What became of a message that waited."""
        request = _decode(held.request)
        fact = PartFact(
            message_id=held.message_id,
            account_id=held.account_id,
            kind=kind,
            at=at,
            category=request.category,
            parts=1,
            cause=cause,
            code=code,
            test=request.test,
        )
        return self._write(
            topics.FACTS,
            partition_of(held.message_id, self._partitions),
            fact,
            event_id=f"{held.message_id}:desk:{kind}:{held.why}",
            time=at,
            subject=held.message_id,
        )

    def decision(self, hold: Hold, decided: Decided) -> Output:
        """That a person decided."""
        event = HoldDecided(
            hold_id=hold.hold_id,
            account_id=hold.account_id,
            decision=Decision.APPROVED if hold.state is HoldState.APPROVED else Decision.REJECTED,
            findings=hold.findings,
            by=decided.by,
            decided_at=decided.at,
            approved_domains=decided.domains,
        )
        return self._write(
            topics.HOLDS,
            partition_of(hold.hold_id, self._partitions),
            event,
            event_id=decision_id(hold),
            time=decided.at,
            subject=hold.hold_id,
        )

    def _request(self, request: SendRequested, held: Held, what: str, at: datetime) -> Output:
        return self._write(
            topics.requests(held.lane),
            partition_of(held.message_id, self._partitions),
            request,
            event_id=f"{held.message_id}:{what}:{held.why}",
            time=at,
            subject=held.message_id,
        )


def decision_id(hold: Hold) -> str:
    """Id of the event that a decision is."""
    return f"{hold.hold_id}:decided"


def refusal_of(hold: Hold) -> Reason:
    """What the customer reads when the hold is rejected: the reason of the first rule that held."""
    return REFUSED_FOR[hold.findings[0].rule] if hold.findings else Reason.NOT_APPROVED
