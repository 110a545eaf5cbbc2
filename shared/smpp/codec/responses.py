"""Answers to requests (SMPP 3.4, chapter 4). Nothing in a peer's answer is an error (rules 2, 4, 9)."""

from __future__ import annotations

from shared.smpp.codec.wire import (
    HEADER,
    Fields,
    decode_tlvs,
    encode_address,
    encode_header,
    encode_octets,
    encode_pdu,
    encode_text,
    encode_tlvs,
)
from shared.smpp.constants import (
    CANCEL_SM,
    MESSAGE_STATE_UNKNOWN,
    REPLACE_SM,
    RESPONSE_BIT,
)
from shared.smpp.errors import MalformedPdu, UnencodablePdu
from shared.smpp.pdu import ResponseBody, Tlvs
from shared.smpp.requests import MultiAnswer, QueryAnswer, Unsuccessful

_BODILESS = frozenset({CANCEL_SM, REPLACE_SM})


def encode_response(request_id: int, status: int, sequence: int, body_id: bytes = b"", tlvs: Tlvs = ()) -> bytes:
    """The response that matches a request. An error with nothing to say travels without body (rule 9)."""
    if status and not body_id and not tlvs:
        return HEADER.pack(16, request_id | RESPONSE_BIT, status, sequence)
    if request_id in _BODILESS:
        return encode_header(request_id | RESPONSE_BIT, status, sequence)
    if 0 in body_id:
        raise UnencodablePdu("NUL inside the id of a response")
    body = b"%b\0%b" % (body_id, encode_tlvs(tlvs)) if tlvs else body_id + b"\0"
    return HEADER.pack(16 + len(body), request_id | RESPONSE_BIT, status, sequence) + body


def encode_answer(sequence: int, answer: QueryAnswer | MultiAnswer) -> bytes:
    """A whole `query_sm_resp` or `submit_multi_resp` without error."""
    body = _query_body(answer) if isinstance(answer, QueryAnswer) else _multi_body(answer)
    return encode_pdu(answer.command_id | RESPONSE_BIT, sequence, body)


def decode_response(body: bytes) -> ResponseBody:
    """The body of a submit, deliver, data or bind response."""
    if not body:
        return ResponseBody()
    end = body.find(0)
    if end == -1:
        return ResponseBody(body, (), "id without NUL")
    if end + 1 == len(body):
        return ResponseBody(body[:end])
    tlvs, stopped = decode_tlvs(body, end + 1)
    return ResponseBody(body[:end], tlvs, "" if stopped == len(body) else "TLV with a wrong length")


def decode_query_answer(body: bytes) -> QueryAnswer:
    """The body of a `query_sm_resp`; when it ends early, the state is unknown."""
    fields = Fields(body)
    message_id = final_date = b""
    try:
        message_id = fields.text()
        final_date = fields.text()
        return QueryAnswer(message_id, final_date, fields.octet(), fields.octet())
    except MalformedPdu:
        return QueryAnswer(message_id, final_date, MESSAGE_STATE_UNKNOWN, oddity="query_sm_resp cut short")


def decode_multi_answer(body: bytes) -> MultiAnswer:
    """The body of a `submit_multi_resp`; when it ends early, what was whole."""
    fields = Fields(body)
    message_id = b""
    unsuccessful: list[Unsuccessful] = []
    try:
        message_id = fields.text()
        for _ in range(fields.octet()):
            unsuccessful.append(Unsuccessful(fields.address(), int.from_bytes(fields.octets(4))))  # noqa: PERF401
    except MalformedPdu:
        return MultiAnswer(message_id, tuple(unsuccessful), oddity="submit_multi_resp cut short")
    tlvs, tail = fields.tlvs()
    return MultiAnswer(message_id, tuple(unsuccessful), tlvs, "TLV with a wrong length" if tail else "")


def _query_body(answer: QueryAnswer) -> bytes:
    return encode_text(answer.message_id, answer.final_date) + encode_octets(answer.message_state, answer.error_code)


def _multi_body(answer: MultiAnswer) -> bytes:
    try:
        unsuccessful = [encode_address(each.address) + each.status.to_bytes(4) for each in answer.unsuccessful]
    except OverflowError as error:
        raise UnencodablePdu("a status does not fit four octets") from error
    return b"".join(
        (
            encode_text(answer.message_id),
            encode_octets(len(unsuccessful)),
            *unsuccessful,
            encode_tlvs(answer.tlvs),
        )
    )
