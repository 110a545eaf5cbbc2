"""What a client system is told of requests that were refused, in whole or in part. Pure.

The value has the form of a webhook, `{"id", "type", "created_at", "data"}`; `data` says which request it answers, and
why, as the problem document that the HTTP door would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final
from zlib import crc32

import msgspec

from services.ingest.api.problems import KINDS, Code, Rejected
from services.ingest.clients.asking import Ask, place_of, published_at, request_id
from shared.contracts.envelope import ID, SUBJECT, TIME, TYPE
from shared.contracts.topics import client_events
from shared.errors import FieldError
from shared.http import Problem
from shared.ids import AccountId
from shared.kafka.record import Headers, Output, Record

REFUSED: Final = "request.refused"
PARTLY_REFUSED: Final = "request.partly_refused"

_FIXED: Final[Headers] = (
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/budstikke/ingest/clients"),
    ("content-type", b"application/json"),
)
_encode: Final = msgspec.json.Encoder().encode


class Refusal(msgspec.Struct, frozen=True):
    """`request_id` is the `ce_id` of the request, null where it had none; partition and offset say where it lies.
    `accepted` is how many of its recipients were accepted all the same.
    """

    request_id: str | None
    partition: int
    offset: int
    accepted: int
    problem: Problem


class Event(msgspec.Struct, frozen=True):
    """The value."""

    id: str
    type: str
    created_at: datetime
    data: Refusal


def refused(record: Record, account_id: AccountId, why: Rejected, partitions: int) -> Output:
    """The answer to a request that was refused whole."""
    problem = _problem(why.kind.title, why.kind.status, why.code, why.detail, why.errors)
    return _output(record, account_id, REFUSED, 0, problem, partitions)


def partly_refused(ask: Ask, partitions: int) -> Output:
    """The answer to a request of which some recipients were refused."""
    kind = KINDS[Code.NO_VALID_RECIPIENT]
    problem = _problem("Some recipients cannot be sent to", kind.status, "invalid_recipients", "", ask.errors)
    accepted = len(ask.verdicts) - len(problem.errors)
    return _output(ask.record, ask.account.account_id, PARTLY_REFUSED, accepted, problem, partitions)


def _problem(title: str, status: int, code: str, detail: str, errors: Sequence[FieldError]) -> Problem:
    return Problem(
        type=f"urn:budstikke:error:{code}", title=title, status=status, code=code, detail=detail, errors=tuple(errors)
    )


def _output(
    record: Record, account_id: AccountId, kind: str, accepted: int, problem: Problem, partitions: int
) -> Output:
    """The same record always gives the same event, so a repeat can be told by its id."""
    event_id = blake2b(f"{account_id} {place_of(record)}".encode(), digest_size=16).hexdigest()
    own = request_id(record)
    at = published_at(record)
    refusal = Refusal(own, record.partition, record.offset, accepted, problem)
    key = (own or event_id).encode()
    return Output(
        topic=client_events(account_id),
        partition=crc32(key) % partitions,
        key=key,
        value=_encode(Event(event_id, kind, at, refusal)),
        headers=(
            *_FIXED,
            (ID, event_id.encode()),
            (TYPE, kind.encode()),
            (TIME, at.isoformat().encode()),
            (SUBJECT, key),
        ),
    )
