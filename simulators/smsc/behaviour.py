"""How the simulated SMSC behaves: what its control interface may set, and what follows from it for one message.

Decisions are pure functions of the settings and the message's number. Later misbehaviour (throttling, links that drop
before or after taking, receipts that come early, twice or out of order) belongs here: a field, and a line in `decide`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from shared.errors import FieldError, Refused
from shared.smpp.constants import (
    ESME_ROK,
    REGISTERED_DELIVERY_FAILURE,
    REGISTERED_DELIVERY_FINAL,
    REGISTERED_DELIVERY_MASK,
)
from shared.smpp.receipts import ReceiptState

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]


class IdFormat(StrEnum):
    """How a message id is written."""

    DECIMAL = "decimal"
    HEX = "hex"

    def write(self, number: int) -> bytes:
        """The id as octets."""
        return b"%d" % number if self is IdFormat.DECIMAL else b"%x" % number


class ReceiptPolicy(StrEnum):
    """Which messages get a receipt."""

    REQUESTED = "requested"
    """Those whose `registered_delivery` asks for it."""
    ALWAYS = "always"
    NEVER = "never"


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set while it runs."""

    receipt_delay_ms: Milliseconds = 1_000
    response_delay_ms: Milliseconds = 0
    refuse_status: Annotated[int, msgspec.Meta(ge=1, le=0xFFFFFFFF)] | None = None
    """Answer with this status instead of taking the message; null takes everything."""
    refuse_every: Annotated[int, msgspec.Meta(ge=1)] = 1
    """With `refuse_status`: refuse each message whose number divides by this."""
    receipts: ReceiptPolicy = ReceiptPolicy.REQUESTED
    receipt_state: ReceiptState = ReceiptState.DELIVERED
    receipt_err: Annotated[str, msgspec.Meta(max_length=16, pattern="^[ -~]*$")] = "000"
    receipt_tlvs: bool = True
    id_format: IdFormat = IdFormat.DECIMAL
    receipt_id_format: IdFormat | None = None
    """How receipts write the id; null writes it as in the answer to the submit."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What happens to one message. Delays in seconds; `receipt_after` is None for no receipt."""

    status: int
    answer_after: float
    receipt_after: float | None


def decide(behaviour: Behaviour, number: int, registered_delivery: int) -> Decision:
    """What to do with the message of this number (counted from 1)."""
    answer_after = behaviour.response_delay_ms / 1000
    if behaviour.refuse_status is not None and number % behaviour.refuse_every == 0:
        return Decision(behaviour.refuse_status, answer_after, None)
    if not _wants_receipt(behaviour, registered_delivery & REGISTERED_DELIVERY_MASK):
        return Decision(ESME_ROK, answer_after, None)
    return Decision(ESME_ROK, answer_after, behaviour.receipt_delay_ms / 1000)


def change(behaviour: Behaviour, body: bytes) -> Behaviour:
    """The settings after a JSON object of some of them. Raises `Refused` naming the field that cannot be."""
    try:
        wanted = msgspec.json.decode(body, type=dict[str, Any])
        return msgspec.convert({**msgspec.to_builtins(behaviour), **wanted}, Behaviour)
    except msgspec.ValidationError as error:
        raise Refused("invalid_setting", "a setting cannot be", [_field_error(str(error))]) from error
    except msgspec.DecodeError as error:
        raise Refused("invalid_json", "the body is no JSON object") from error


def _wants_receipt(behaviour: Behaviour, requested: int) -> bool:
    if behaviour.receipts is not ReceiptPolicy.REQUESTED:
        return behaviour.receipts is ReceiptPolicy.ALWAYS
    if requested == REGISTERED_DELIVERY_FAILURE:
        return behaviour.receipt_state is not ReceiptState.DELIVERED
    return requested == REGISTERED_DELIVERY_FINAL


def _field_error(message: str) -> FieldError:
    """msgspec names the place at the end of its message, an unknown field inside it."""
    unknown = re.search(r"unknown field `([^`]*)`", message)
    if unknown:
        return FieldError(f"/{unknown[1]}", "unknown_field", "there is no such setting")
    place = re.search(r" - at `\$\.?([^`]*)`", message)
    return FieldError(f"/{place[1]}" if place and place[1] else "", "invalid", message.partition(" - at ")[0])
