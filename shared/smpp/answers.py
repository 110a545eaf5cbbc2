"""How a response ends the request it answers."""

from __future__ import annotations

from shared.smpp.codec import decode_multi_answer, decode_query_answer, decode_response
from shared.smpp.constants import QUERY_SM_RESP, SUBMIT_MULTI_RESP
from shared.smpp.results import Accepted, Refused, Result


def read_answer(command_id: int, status: int, body: bytes) -> tuple[Result, str]:
    """The result, and what was odd about the body, else empty. Nothing in a response is an error (rules 2, 4, 9)."""
    if command_id in (QUERY_SM_RESP, SUBMIT_MULTI_RESP):
        if status:
            return Refused(status), ""
        answer = decode_query_answer(body) if command_id == QUERY_SM_RESP else decode_multi_answer(body)
        return answer, answer.oddity
    response = decode_response(body)
    if status:
        return Refused(status, response.tlvs), response.oddity
    return Accepted(response.id, response.tlvs), response.oddity
