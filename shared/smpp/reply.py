"""The answer to one request of the peer, which is the application's to give."""

from __future__ import annotations

from typing import Protocol

from shared.smpp.codec import encode_answer, encode_response
from shared.smpp.constants import ESME_ROK
from shared.smpp.errors import UnencodablePdu
from shared.smpp.pdu import Tlvs
from shared.smpp.requests import MultiAnswer, QueryAnswer


class Answering(Protocol):
    """Where an answer goes."""

    def answer(self, octets: bytes) -> bool:
        """Send one response; False when it is too late."""
        ...


class Reply:
    """The answer to one request of the peer, given by the application when it is ready."""

    __slots__ = ("_request_id", "_sequence", "_session")

    def __init__(self, session: Answering, request_id: int, sequence: int) -> None:
        self._session: Answering | None = session
        self._request_id = request_id
        self._sequence = sequence

    def __call__(self, status: int = ESME_ROK, message_id: bytes = b"", tlvs: Tlvs = ()) -> bool:
        """Send the matching response. False when one had been given before or the session is over.

        Raises `UnencodablePdu` for an id that does not fit; the answer is then still to be given.

        Accept (`ESME_ROK`) only what is stored: the peer forgets it on our word (rule 5). `message_id` belongs to
        submits; a deliver has none.
        """
        if self._session is None:
            return False
        return self._give(encode_response(self._request_id, status, self._sequence, message_id, tlvs))

    def answer(self, answer: QueryAnswer | MultiAnswer) -> bool:
        """The same for a query_sm or a submit_multi that is not refused: their responses say more than an id."""
        if self._session is None:
            return False
        if answer.command_id != self._request_id:
            raise UnencodablePdu("an answer to another kind of request")
        return self._give(encode_answer(self._sequence, answer))

    def _give(self, octets: bytes) -> bool:
        session, self._session = self._session, None
        return session is not None and session.answer(octets)
