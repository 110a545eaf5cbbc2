"""Delivery receipts (rule 10): TLVs first, then a text parser that takes what operators really send. Never raises."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final

import msgspec

from shared.smpp.constants import (
    ESM_CLASS_DELIVERY_RECEIPT,
    ESM_CLASS_INTERMEDIATE,
    ESM_CLASS_TYPE_MASK,
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    RECEIPTED_MESSAGE_ID,
)
from shared.smpp.pdu import DeliverSm, Tlv
from shared.smpp.tlvs import c_string, integer


class ReceiptState(StrEnum):
    """What the operator says became of a message (5.2.28, with the two states of SMPP 5)."""

    SCHEDULED = "scheduled"
    ENROUTE = "enroute"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    DELETED = "deleted"
    UNDELIVERABLE = "undeliverable"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    SKIPPED = "skipped"


FINAL_STATES: Final = frozenset(
    {
        ReceiptState.DELIVERED,
        ReceiptState.EXPIRED,
        ReceiptState.DELETED,
        ReceiptState.UNDELIVERABLE,
        ReceiptState.REJECTED,
        ReceiptState.SKIPPED,
    }
)

STATES: Final = tuple(ReceiptState)
"""In the order of their numbers on the wire, 0 to 9."""

_WORDS: Final = {
    ReceiptState.SCHEDULED: "SCHEDLD",
    ReceiptState.ENROUTE: "ENROUTE",
    ReceiptState.DELIVERED: "DELIVRD",
    ReceiptState.EXPIRED: "EXPIRED",
    ReceiptState.DELETED: "DELETED",
    ReceiptState.UNDELIVERABLE: "UNDELIV",
    ReceiptState.ACCEPTED: "ACCEPTD",
    ReceiptState.UNKNOWN: "UNKNOWN",
    ReceiptState.REJECTED: "REJECTD",
    ReceiptState.SKIPPED: "SKIPPED",
}
_STATE_OF_STEM: Final = {word[:5]: state for state, word in _WORDS.items()}
_STEM = 5
"""Five letters tell the states apart and read DELIVRD, DELIVERED and UNDELIVERABLE alike."""

_USUAL = re.compile(
    rb"id:([!-9;-~]+) sub:[0-9]+ dlvrd:[0-9]+ submit date:([0-9]+) done date:([0-9]+) stat:([A-Z]+) err:([!-9;-~]+)"
    rb"(?: text:|\Z)"
)
"""The specification's form, which nearly all operators send: no value is empty, or has a space or colon in it."""

_FIELD = re.compile(r"(?:^|(?<=\s))(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text)[ ]?:", re.IGNORECASE)
_UTF16 = 8


class NetworkError(msgspec.Struct, frozen=True):
    """The `network_error_code` TLV: a network type (1 ANSI-136, 2 IS-95, 3 GSM) and that network's code."""

    network: int
    code: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt. `message_id` is raw, empty when the operator gave none; see `id_candidates` for matching it.

    `err` is the operator's text, often but not always digits. Times are in the operator's zone. `oddities` names what
    had to be guessed or skipped, as constant phrases.
    """

    message_id: bytes
    state: ReceiptState
    state_text: str = ""
    err: str = ""
    submitted_at: datetime | None = None
    done_at: datetime | None = None
    network_error: NetworkError | None = None
    oddities: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        """Whether the operator is done with the message."""
        return self.state in FINAL_STATES


def is_receipt(message: DeliverSm) -> bool:
    """Decided by `esm_class` or the `receipted_message_id` TLV, never by the text: anyone can type one on a handset."""
    kind = message.esm_class & ESM_CLASS_TYPE_MASK
    if kind in (ESM_CLASS_DELIVERY_RECEIPT, ESM_CLASS_INTERMEDIATE):
        return True
    return message.tlv(RECEIPTED_MESSAGE_ID) is not None


def parse(message: DeliverSm, zone: tzinfo = UTC) -> Receipt | None:
    """The receipt in a `deliver_sm`, or None when it is not one. `zone` is the operator's, for dates in the text."""
    if not is_receipt(message):
        return None
    oddities: list[str] = []
    message_id, submitted, done, state_text, err = _usual(message) or _unusual(message)
    state = _state_from_number(integer(message.tlvs, MESSAGE_STATE, oddities), oddities) or _state_from_word(state_text)
    if state is None:
        oddities.append("no known state")
    return Receipt(
        message_id=c_string(message.tlvs, RECEIPTED_MESSAGE_ID) or message_id,
        state=state or ReceiptState.UNKNOWN,
        state_text=state_text,
        err=err,
        submitted_at=_time(submitted, zone),
        done_at=_time(done, zone),
        network_error=_network_error(message.tlv(NETWORK_ERROR_CODE), oddities),
        oddities=tuple(oddities),
    )


def id_candidates(message_id: bytes) -> tuple[bytes, ...]:
    """Under which ids the message may be known, best first and without repeats.

    The raw id; lower case without leading zeros; its value read as decimal and written as hex, and the other way
    round: operators answer a submit in one base and write the receipt in the other.
    """
    plain = message_id.strip().lower().lstrip(b"0") or message_id[-1:]
    candidates = [message_id, plain]
    if re.fullmatch(rb"[0-9]{1,32}", plain):
        candidates.append(b"%x" % int(plain))
    if re.fullmatch(rb"[0-9a-f]{1,32}", plain):
        candidates.append(b"%d" % int(plain, 16))
    return tuple(dict.fromkeys(candidates))


def build(
    *,
    message_id: bytes,
    state: ReceiptState,
    submitted_at: datetime,
    done_at: datetime,
    source: tuple[int, int, bytes],
    destination: tuple[int, int, bytes],
    err: str = "000",
    text: bytes = b"",
    network_error: NetworkError | None = None,
    with_tlvs: bool = True,
) -> DeliverSm:
    """A receipt as an SMSC sends it. `source` is the handset, `destination` the sender: (TON, NPI, address)."""
    delivered = state is ReceiptState.DELIVERED
    body = b"id:%b sub:001 dlvrd:%03d submit date:%b done date:%b stat:%b err:%b text:%b" % (
        message_id,
        delivered,
        _format(submitted_at),
        _format(done_at),
        _WORDS[state].encode("ascii"),
        err.encode("ascii", "replace"),
        text[:20],
    )
    tlvs: list[Tlv] = []
    if with_tlvs:
        tlvs = [(RECEIPTED_MESSAGE_ID, message_id + b"\0"), (MESSAGE_STATE, bytes((STATES.index(state),)))]
        if network_error is not None:
            tlvs.append((NETWORK_ERROR_CODE, bytes((network_error.network,)) + network_error.code.to_bytes(2)))
    return DeliverSm(
        source_addr_ton=source[0],
        source_addr_npi=source[1],
        source_addr=source[2],
        dest_addr_ton=destination[0],
        dest_addr_npi=destination[1],
        destination_addr=destination[2],
        esm_class=ESM_CLASS_DELIVERY_RECEIPT,
        short_message=body,
        tlvs=tuple(tlvs),
    )


_Words = tuple[bytes, str, str, str, str]
"""Of the text: the id, when it was submitted and done, the state and the error; empty where it does not say."""


def _usual(message: DeliverSm) -> _Words | None:
    """What a text in the usual form says, in a tenth of the time; None for any other."""
    match = None if message.data_coding == _UTF16 else _USUAL.match(message.content)
    if match is None:
        return None
    message_id, submitted, done, state, err = match.groups()
    return message_id, submitted.decode(), done.decode(), state.decode(), err.decode()


def _unusual(message: DeliverSm) -> _Words:
    """What a text in any form says."""
    fields = _text_fields(message)
    submitted, done, state, err = (_word(fields, key) for key in ("submitdate", "donedate", "stat", "err"))
    return _word(fields, "id").encode("latin-1", "replace"), submitted, done, state, err


def _text_fields(message: DeliverSm) -> dict[str, str]:
    """The `key:value` pairs of the text; the first of each key counts, and `text:` ends them."""
    text = message.content.decode("utf-16-be" if message.data_coding == _UTF16 else "latin-1", "replace")
    fields: dict[str, str] = {}
    matches = list(_FIELD.finditer(text))
    ends = [*(match.start() for match in matches[1:]), len(text)]
    for match, end in zip(matches, ends, strict=False):
        key = re.sub("[ _]", "", match[1].lower())
        if key == "text":
            break
        fields.setdefault(key, text[match.end() : end].strip())
    return fields


def _word(fields: dict[str, str], key: str) -> str:
    """The first word of a field's value; empty when the field is missing or empty."""
    return next(iter(fields.get(key, "").split()), "")


def _state_from_number(number: int | None, oddities: list[str]) -> ReceiptState | None:
    if number is None:
        return None
    if number >= len(STATES):
        oddities.append("message_state out of range")
        return None
    return STATES[number]


def _state_from_word(word: str) -> ReceiptState | None:
    return _STATE_OF_STEM.get(word[:_STEM].upper())


def _network_error(value: bytes | None, oddities: list[str]) -> NetworkError | None:
    if value is None:
        return None
    if len(value) != 3:
        oddities.append("network_error_code with a wrong length")
        return None
    return NetworkError(value[0], int.from_bytes(value[1:]))


def _time(digits: str, zone: tzinfo) -> datetime | None:
    """YYMMDDhhmm, YYMMDDhhmmss, or the same with a year of four digits; None for zeros and whatever else."""
    if not (digits.isascii() and digits.isdecimal()):
        return None
    if len(digits) == 10:
        return _moment(f"20{digits}00", zone)
    if len(digits) == 12:
        return _moment(f"20{digits}", zone) or _moment(f"{digits}00", zone)
    return _moment(digits, zone) if len(digits) == 14 else None


def _moment(digits: str, zone: tzinfo) -> datetime | None:
    """YYYYMMDDhhmmss."""
    try:
        return datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}").replace(tzinfo=zone)
    except ValueError:
        return None


def _format(moment: datetime) -> bytes:
    return b"%02d%02d%02d%02d%02d" % (moment.year % 100, moment.month, moment.day, moment.hour, moment.minute)
