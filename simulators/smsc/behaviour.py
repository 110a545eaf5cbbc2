"""How the simulated SMSC behaves: what its control interface may set, and what follows from it for one message.

Decisions are pure functions of the settings and the message's number: no two runs differ by chance.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from shared.errors import FieldError, Refused
from shared.smpp.constants import (
    ESME_ROK,
    ESME_RTHROTTLED,
    REGISTERED_DELIVERY_FAILURE,
    REGISTERED_DELIVERY_FINAL,
    REGISTERED_DELIVERY_MASK,
)
from shared.smpp.receipts import ReceiptState

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]
Every = Annotated[int, msgspec.Meta(ge=1)]
"""Each message whose number divides by this; messages are counted from 1, the refused ones with them."""

_SCATTER = 0x9E3779B1
"""Odd, so that the numbers of messages spread over all 32 bits (Knuth's multiplicative hash)."""


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


class Drop(StrEnum):
    """When a link breaks in the midst of a submit."""

    BEFORE = "before"
    """The message is lost with it."""
    AFTER = "after"
    """The message was taken, and the answer is lost; its receipt comes on another bind."""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set while it runs."""

    receipt_delay_ms: Milliseconds = 1_000
    response_delay_ms: Milliseconds = 0
    refuse_status: Annotated[int, msgspec.Meta(ge=1, le=0xFFFFFFFF)] | None = None
    """Answer with this status instead of taking the message; null takes everything."""
    refuse_every: Every = 1
    """With `refuse_status`: which."""
    throttle_above: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Refuse with ESME_RTHROTTLED what comes above so many messages in one second; null takes any number."""
    drop: Drop | None = None
    """Break the link at a submit, and with it whatever is still to be answered there."""
    drop_every: Every = 1
    """With `drop`: at which."""
    ignore_every: Every | None = None
    """Neither take nor answer these."""
    late_ms: Milliseconds = 0
    """Some are answered so much later than `response_delay_ms`."""
    late_every: Every = 1
    """With `late_ms`: which."""
    receipts: ReceiptPolicy = ReceiptPolicy.REQUESTED
    receipt_state: ReceiptState = ReceiptState.DELIVERED
    receipt_err: Annotated[str, msgspec.Meta(max_length=16, pattern="^[ -~]*$")] = "000"
    receipt_tlvs: bool = True
    id_format: IdFormat = IdFormat.DECIMAL
    receipt_id_format: IdFormat | None = None
    """How receipts write the id; null writes it as in the answer to the submit."""
    ids: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """So many ids there are: after the last one comes the first again. Null never uses one again."""
    receipt_early_every: Every | None = None
    """The receipt of these goes out at once, before the submit is answered."""
    receipt_times: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    """How often each receipt is sent."""
    receipt_again_ms: Milliseconds = 0
    """Between two times."""
    receipt_scatter_ms: Milliseconds = 0
    """Receipts come up to so much later, each by a time of its own: not in the order of their messages."""
    receipt_elsewhere: bool = False
    """Receipts come on another bind of the same system id than the message went, if there is one with room."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What happens to one message. Delays in seconds.

    `status` is None for a message that is neither taken nor answered. `early`: the first of the receipts goes out
    before the answer. `drop`: the link breaks, after the message was taken if it is.
    """

    status: int | None
    answer_after: float = 0.0
    receipts_after: tuple[float, ...] = ()
    early: bool = False
    drop: bool = False


def decide(behaviour: Behaviour, number: int, registered_delivery: int, this_second: int) -> Decision:
    """What to do with the message of this number (counted from 1), which is so many'th of its second."""
    drop = behaviour.drop is not None and number % behaviour.drop_every == 0
    if drop and behaviour.drop is Drop.BEFORE:
        return Decision(None, drop=True)
    if behaviour.ignore_every is not None and number % behaviour.ignore_every == 0:
        return Decision(None)
    late_ms = behaviour.late_ms if number % behaviour.late_every == 0 else 0
    answer_after = (behaviour.response_delay_ms + late_ms) / 1000
    if behaviour.throttle_above is not None and this_second > behaviour.throttle_above:
        return Decision(ESME_RTHROTTLED, answer_after)
    if behaviour.refuse_status is not None and number % behaviour.refuse_every == 0:
        return Decision(behaviour.refuse_status, answer_after)
    if not _wants_receipt(behaviour, registered_delivery & REGISTERED_DELIVERY_MASK):
        return Decision(ESME_ROK, answer_after, drop=drop)
    early = behaviour.receipt_early_every is not None and number % behaviour.receipt_early_every == 0
    return Decision(ESME_ROK, answer_after, _receipts_after(behaviour, number, early), early, drop)


def id_of(behaviour: Behaviour, number: int) -> int:
    """The place of this message's id among all ids, from 1."""
    return number if behaviour.ids is None else (number - 1) % behaviour.ids + 1


def change(behaviour: Behaviour, body: bytes) -> Behaviour:
    """The settings after a JSON object of some of them. Raises `Refused` naming the field that cannot be."""
    try:
        wanted = msgspec.json.decode(body, type=dict[str, Any])
        return msgspec.convert({**msgspec.to_builtins(behaviour), **wanted}, Behaviour)
    except msgspec.ValidationError as error:
        raise Refused("invalid_setting", "a setting cannot be", [_field_error(str(error))]) from error
    except msgspec.DecodeError as error:
        raise Refused("invalid_json", "the body is no JSON object") from error


def _receipts_after(behaviour: Behaviour, number: int, early: bool) -> tuple[float, ...]:
    scatter_ms = behaviour.receipt_scatter_ms * (number * _SCATTER % 2**32) / 2**32
    first_ms = 0.0 if early else behaviour.receipt_delay_ms + scatter_ms
    return tuple((first_ms + again * behaviour.receipt_again_ms) / 1000 for again in range(behaviour.receipt_times))


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
