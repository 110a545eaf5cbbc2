"""How the simulated Strex behaves: what its control interface may set. Decisions on one charge are in `course`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from shared.errors import FieldError, Refused

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]
Every = Annotated[int, msgspec.Meta(ge=0)]


class Fault(StrEnum):
    """What goes wrong with a call."""

    REFUSE = "refuse"
    """503, and nothing is taken."""
    CUT = "cut"
    """The connection ends before anything is taken."""
    ERROR_AFTER = "error_after"
    """It is taken, and answered 500."""
    CUT_AFTER = "cut_after"
    """It is taken, and the connection ends without an answer."""
    HANG_AFTER = "hang_after"
    """It is taken, and no answer comes for `hang_ms`; then the connection ends."""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set while it runs. `…_every` 0 is never, 1 always, 3 every third."""

    settle_ms: Milliseconds = 300
    """From the taking of a charge or a reversal to its end."""
    late_ms: Milliseconds = 2_000
    """From there to what comes late (`Scenario.LATE`, `Scenario.REBILLED`)."""
    long_poll_ms: Milliseconds = 20_000
    answer_ms: Milliseconds = 0
    """Before each answer."""
    fault: Fault | None = None
    fault_every: Every = 1
    fault_methods: tuple[str, ...] = ("POST", "DELETE")
    hang_ms: Milliseconds = 60_000
    callback_ms: Milliseconds = 0
    """From a change to the call that tells of it."""
    callback_scatter_ms: Milliseconds = 0
    """Up to so much more, by chance: calls come out of order."""
    callback_lose_every: Every = 0
    callback_double_every: Every = 0
    callback_retry_ms: Milliseconds = 30_000
    """To the first repetition of a call that was not answered 200; the others follow at growing distances."""
    master_url: Annotated[str, msgspec.Meta(max_length=2048)] | None = None
    """Where direct charges and reversals are told of (MasterDLRForward); null tells nobody."""
    test_code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4,8}$")] = "1234"
    """What every one-time password is, as in the test environment of Strex."""


def change(behaviour: Behaviour, body: bytes) -> Behaviour:
    """The settings after a JSON object of some of them. Raises `Refused`."""
    try:
        wanted = msgspec.json.decode(body, type=dict[str, Any])
        return msgspec.convert({**msgspec.to_builtins(behaviour), **wanted}, Behaviour)
    except msgspec.DecodeError as error:
        raise Refused("invalid_setting", "a setting cannot be", [FieldError("", "invalid", str(error))]) from error


def falls_on(every: int, number: int) -> bool:
    """Whether something that happens every so many times happens to this one, counted from 1."""
    return every > 0 and number % every == 0
