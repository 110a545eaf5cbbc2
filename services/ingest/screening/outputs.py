"""What screening writes: accepted messages, held and delayed requests, and the facts beside them.

All ids are deterministic: the same decision on the same message makes the same records again.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from operator import attrgetter
from typing import Final

from services.ingest.screening.facts import Form
from services.ingest.screening.verdict import Delay, Held, Hold
from shared.contracts import envelope, topics
from shared.contracts.codec import Writer
from shared.contracts.events import MessageAccepted, PartFact, SendRequested
from shared.contracts.holds import Finding, HoldId, MessageDelayed, MessageHeld
from shared.contracts.words import FactKind
from shared.ids import partition_of
from shared.kafka.record import Output, Received, header
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer

SOURCE: Final = "/budstikke/ingest/screening"

_FIELDS: Final = tuple(SendRequested.__struct_fields__)
_values = attrgetter(*_FIELDS)


def hold_id_of(request: SendRequested, holds: tuple[Hold, ...]) -> HoldId:
    """The group that a held message is decided with: its send-out, else account and hour of the request (UTC), and in
    both what speaks against it, so that nobody's yes lets something else through.
    """
    group = request.batch_id or request.requested_at.strftime("%Y-%m-%dT%H")
    against = ";".join(f"{hold.rule}={','.join(hold.evidence)}" for hold in holds)
    name = f"{request.account_id}|{group}|{against}"
    return HoldId(f"hold_{blake2b(name.encode(), digest_size=12).hexdigest()}")


class Outputs:
    """Writes for one role. The sealed text is passed on as it came, and so is the number unless it has to be written as
    E.164 first: what they are bound to does not change.
    """

    def __init__(self, sealer: Sealer, pseudonyms: Pseudonyms, partitions: int) -> None:
        self._sealer = sealer
        self._pseudonyms = pseudonyms
        self._partitions = partitions
        self._write = Writer(SOURCE).output

    def accepted(self, received: Received[SendRequested], form: Form, number: str, now: datetime) -> Output:
        """The request as a message; `number` is what the request has."""
        request = received.event
        fields = dict(zip(_FIELDS, _values(request), strict=True))
        fields["sender"] = form.sender
        if form.number != number:
            fields["to"] = self._sealer.seal(request.account_id, request.message_id, "to", form.number, now)
        release = request.hold_release
        accepted = MessageAccepted(
            **fields,
            coding=form.coding,
            parts=form.parts,
            country=form.country,
            pseudonym=self._pseudonym(request, form),
            accepted_at=now,
            verdicts=() if release is None else (release.hold_id,),
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

    def held(self, received: Received[SendRequested], form: Form, held: Held, now: datetime) -> tuple[Output, Output]:
        """The request for the desk, and the fact."""
        request = received.event
        hold_id = hold_id_of(request, held.holds)
        event = MessageHeld(
            hold_id=hold_id,
            request=request,
            findings=tuple([Finding(rule=hold.rule, evidence=hold.evidence) for hold in held.holds]),
            pseudonym=self._pseudonym(request, form),
            held_at=now,
            expires_at=request.valid_until,
        )
        output = self._write(
            topics.HOLDS,
            partition_of(request.message_id, self._partitions),
            event,
            event_id=f"{request.message_id}:held:{hold_id}",
            time=now,
            subject=hold_id,
            traceparent=header(received.record, envelope.TRACEPARENT),
        )
        return output, self.fact(received, FactKind.HELD, None, now, of=f":{hold_id}")

    def delayed(
        self, received: Received[SendRequested], form: Form, delay: Delay, now: datetime
    ) -> tuple[Output, Output]:
        """The request for its time, and the fact."""
        request = received.event
        due = delay.until.isoformat()
        event = MessageDelayed(
            request=request,
            rule=delay.rule,
            due_at=delay.until,
            pseudonym=self._pseudonym(request, form),
            delayed_at=now,
        )
        output = self._write(
            topics.SCHEDULED,
            partition_of(request.message_id, self._partitions),
            event,
            event_id=f"{request.message_id}:delayed:{due}",
            time=now,
            subject=request.message_id,
            traceparent=header(received.record, envelope.TRACEPARENT),
        )
        return output, self.fact(received, FactKind.SCHEDULED, None, now, of=f":{due}")

    def fact(
        self, received: Received[SendRequested], kind: FactKind, code: str | None, now: datetime, *, of: str = ""
    ) -> Output:
        """What became of the request; `of` tells facts of one kind apart."""
        request = received.event
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
            event_id=f"{request.message_id}:screening:{kind}{of}",
            time=now,
            subject=request.message_id,
            traceparent=header(received.record, envelope.TRACEPARENT),
        )

    def _pseudonym(self, request: SendRequested, form: Form) -> str:
        return self._pseudonyms.of(request.account_id, form.number, request.requested_at)
