"""A verdict on each recipient of a request. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from services.ingest.api.messages import LONGEST_NUMBER, Fault, Message
from services.ingest.api.problems import Code, Rejected
from shared.contracts.codes import Reason
from shared.contracts.states import State
from shared.errors import FieldError, Refused
from shared.ids import AccountId, MessageId
from shared.privacy.opt_outs import OptOuts
from shared.text.codes import NumberCode
from shared.text.numbers import Number, parse
from shared.text.segments import Measure

Verdict: TypeAlias = Number | Fault
"""The recipient's number in E.164, or why it has none."""


def verdict(raw: str) -> Verdict:
    """Whether `raw` can be sent to: 1 or 2 µs for most mobiles in E.164, 60 µs for another number."""
    if len(raw) > LONGEST_NUMBER:
        return Fault(NumberCode.TOO_LONG, "a number has at most 15 digits")
    try:
        return parse(raw).number
    except Refused as refusal:
        return Fault(refusal.code, refusal.detail)


def unless_opted_out(
    verdicts: Sequence[Verdict], opt_outs: OptOuts, account_id: AccountId, sender: str
) -> Sequence[Verdict]:
    """The verdicts, with a fault for everybody who wants no more of the account or of this sender (R-96, R-185)."""
    return [
        Fault(Reason.OPTED_OUT, "the recipient has asked for no such messages")
        if not isinstance(verdict, Fault) and opt_outs.covers(account_id, verdict, sender)
        else verdict
        for verdict in verdicts
    ]


def require_one(verdicts: Sequence[Verdict], *, listed: bool) -> None:
    """Raise `Rejected` (`no_valid_recipient`) with an error for each when every verdict is bad."""
    faults = [fault for fault in verdicts if isinstance(fault, Fault)]
    if len(faults) == len(verdicts):
        raise Rejected(
            Code.NO_VALID_RECIPIENT,
            errors=[
                FieldError(f"/to/{index}" if listed else "/to", fault.code, fault.message)
                for index, fault in enumerate(faults)
            ],
        )


def answers(
    raw: Sequence[str], verdicts: Sequence[Verdict], ids: Iterable[MessageId | None], measure: Measure
) -> list[Message]:
    """The verdicts as the caller sees them, in the order asked. `ids` has one for each good recipient."""
    given = iter(ids)
    return [
        Message(id=None, to=raw[index], state=State.REJECTED, parts=None, coding=None, error=verdict)
        if isinstance(verdict, Fault)
        else Message(id=next(given), to=verdict, state=State.ACCEPTED, parts=measure.parts, coding=measure.coding)
        for index, verdict in enumerate(verdicts)
    ]
