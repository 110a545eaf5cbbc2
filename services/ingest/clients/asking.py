"""From a record of a client system to a checked request, by the same rules as the HTTP door. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from services.ingest.accounts.account import Account
from services.ingest.api.authentication import require_may_send
from services.ingest.api.drafting import Draft, draft
from services.ingest.api.messages import Fault
from services.ingest.api.problems import Code, FieldCode, Rejected
from services.ingest.api.verdicts import Verdict, require_one, verdict
from services.ingest.idempotency.key import IdempotencyKey, fingerprint, read_key
from shared.contracts.envelope import ID
from shared.errors import FieldError, Refused
from shared.kafka.record import Record
from shared.text.numbers import Number

_LONGEST_ID: Final = 128


class Ask(msgspec.Struct, frozen=True):
    """A request that is right, with a verdict on each of its recipients, at least one of which is good.

    With a `key` it may be a repeat of another record; `fingerprint` then tells its body from any other.
    """

    record: Record
    account: Account
    draft: Draft
    verdicts: Sequence[Verdict]
    key: IdempotencyKey | None
    fingerprint: str

    @property
    def good(self) -> Sequence[tuple[int, Number]]:
        """The recipients that can be sent to, with their places in the request."""
        return [(place, given) for place, given in enumerate(self.verdicts) if not isinstance(given, Fault)]

    @property
    def errors(self) -> Sequence[FieldError]:
        """Why the others cannot."""
        return [
            FieldError(f"/to/{place}", given.code, given.message)
            for place, given in enumerate(self.verdicts)
            if isinstance(given, Fault)
        ]


def ask(record: Record, account: Account) -> Ask:
    """Read and check one record.

    Raises `Rejected` as the HTTP door does: for a body that is wrong, an account that may not send that now, an
    idempotency key (header `ce_id`) that is none, a header with a name that is not UTF-8, or when no recipient is good.
    """
    if any("\ufffd" in name for name, _ in record.headers):
        raise Rejected(Code.INVALID_REQUEST, "the name of a header is not UTF-8")
    key = _key(record)
    octets = record.value or b""
    wanted = draft(octets, account.default_sender)
    require_may_send(account, wanted.lane, wanted.sender)
    verdicts = [verdict(raw) for raw in wanted.recipients]
    require_one(verdicts, listed=wanted.listed)
    return Ask(record, account, wanted, verdicts, key, "" if key is None else fingerprint(octets))


def request_id(record: Record) -> str | None:
    """The id that the client system gave its request, as far as it can be shown back to it."""
    given = [value or b"" for name, value in record.headers if name == ID]
    if len(given) != 1 or len(given[0]) > _LONGEST_ID:
        return None
    return given[0].decode("utf-8", "replace")


def place_of(record: Record) -> str:
    """Tells a record from any other of its account. The broker's time is part of it: a topic that is deleted and made
    anew counts its records from 0 again. No idempotency key has a space.
    """
    return f"{record.topic} {record.partition} {record.offset} {record.timestamp}"


def published_at(record: Record) -> datetime:
    """When the broker took the record."""
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)


def _key(record: Record) -> IdempotencyKey | None:
    given = [value or b"" for name, value in record.headers if name == ID]
    if not given:
        return None
    try:
        return read_key(given)
    except Refused as refusal:
        error = FieldError("", FieldCode.INVALID_IDEMPOTENCY_KEY, f"the header {ID}: {refusal.detail}")
        raise Rejected(Code.INVALID_REQUEST, errors=(error,)) from None
