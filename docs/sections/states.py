"""The states of a message and its legal moves, from the table that the fold applies."""

from __future__ import annotations

from docs.sections.tables import code, table
from shared.contracts.states import FINAL, TAKEN, TRANSITIONS, State


def states() -> str:
    """A row per state. Raises `KeyError` for a state without meaning here."""
    rows = ((code(state), _MEANINGS[state], _next(state), _charged(state)) for state in State)
    return table(("state", "meaning", "next", "charged"), rows)


def _next(state: State) -> str:
    if state in FINAL:
        return "**final**"
    return ", ".join(code(after) for after in State if after in TRANSITIONS[state])


def _charged(state: State) -> str:
    if state is State.EXPIRED:
        return "parts that were taken"
    return "yes" if state in TAKEN else "no"


_MEANINGS = {
    State.SCHEDULED: "waits for its time",
    State.ACCEPTED: "taken over by us",
    State.HELD: "waits for a person",
    State.QUEUED: "screened, on its way to an operator",
    State.UNKNOWN: "the link broke between our sending and the operator's answer",
    State.SUBMITTED: "the operator took it",
    State.BUFFERED: "the operator keeps trying",
    State.DELIVERED: "on the handset, all parts",
    State.UNDELIVERED: "the operator gave up",
    State.EXPIRED: "its validity is over",
    State.REJECTED: "refused by a rule",
    State.FAILED: "never taken by an operator, or not known to the end",
    State.CANCELLED: "withdrawn",
}
