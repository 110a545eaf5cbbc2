"""What an operator's answer means for the attempt that it is to."""

from __future__ import annotations

from services.dispatch.sender.ledger import Outcome, OutcomeKind
from services.dispatch.sender.on_record import OnRecord
from services.dispatch.sender.patience import Patience
from services.dispatch.sender.receipts import SentMemory
from services.dispatch.sender.settling import Settler
from services.dispatch.sender.work import Attempt, Settled
from shared.smpp.results import Accepted, Refused, SubmitResult


class Answers:
    """Hands the outcomes of one link's attempts to the settler."""

    def __init__(self, memory: SentMemory, settler: Settler, record: OnRecord, patience: Patience) -> None:
        self._memory = memory
        self._settler = settler
        self._record = record
        self._patience = patience

    def take(self, attempt: Attempt, result: SubmitResult) -> None:
        """The operator's answer, or that there is none."""
        if isinstance(result, Refused) and self._patience.refused(attempt, result.status):
            deferred = self._record.outcome(attempt, OutcomeKind.DEFERRED, status=result.status)
            self._settler.note(Settled(attempt, deferred))
            return
        if isinstance(result, Accepted):
            self._patience.taken()
        self._settler.note(Settled(attempt, self._outcome_of(attempt, result)))

    def late(self, attempt: Attempt, result: SubmitResult) -> None:
        """An answer after the attempt was called unknown: it closes what stands as unknown.

        One that asks for patience says that nothing was taken: the sweeper sends it again, as it will anyway.
        """
        if isinstance(result, Refused) and self._patience.refused(attempt, result.status):
            return
        if isinstance(result, Accepted | Refused):
            self._settler.note(Settled(attempt, self._outcome_of(attempt, result, late=True), late=True))

    def refuse(self, attempt: Attempt) -> None:
        """A part that cannot be encoded."""
        self._settler.note(Settled(attempt, self._record.outcome(attempt, OutcomeKind.REFUSED)))

    def _outcome_of(self, attempt: Attempt, result: SubmitResult, *, late: bool = False) -> Outcome:
        if isinstance(result, Accepted):
            operator_id = result.message_id.decode("latin-1") or None
            if operator_id is not None:
                self._memory.remember(self._record.link_name, operator_id, attempt)
            return self._record.outcome(attempt, OutcomeKind.SUBMITTED, operator_id=operator_id, late=late)
        if isinstance(result, Refused):
            return self._record.outcome(attempt, OutcomeKind.REFUSED, status=result.status, late=late)
        return self._record.outcome(attempt, OutcomeKind.UNKNOWN)
