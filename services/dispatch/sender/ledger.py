"""The write-ahead ledger: an intent before each PDU, an outcome after it, both by `message:part:attempt`.

Rows are inserted and never updated (an insert costs a quarter of an update); they live 30 days. An intent without an
outcome means that nobody knows whether the operator took the part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

import msgspec
from pymongo.errors import BulkWriteError, PyMongoError

from shared.errors import TryLater
from shared.stores.mongodb import Database, Document

AttemptKey = NewType("AttemptKey", str)

_KEPT_SECONDS = 30 * 24 * 3600
_DUPLICATE = 11000


def attempt_key(message_id: str, part: int, attempt: int) -> AttemptKey:
    """Key of one attempt at one part, on both kinds of row."""
    return AttemptKey(f"{message_id}:{part}:{attempt}")


class OutcomeKind(StrEnum):
    """How an attempt ended. `WITHHELD` closes an intent whose PDU was certainly never written."""

    SUBMITTED = "submitted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"


class Intent(msgspec.Struct, frozen=True):
    """A PDU is about to be written by the holder of this lease in this epoch."""

    key: AttemptKey
    lease: str
    epoch: int
    link: str
    at: datetime


class Outcome(msgspec.Struct, frozen=True):
    """What came of it. `operator_id` is the operator's, `status` its command_status."""

    key: AttemptKey
    kind: OutcomeKind
    at: datetime
    link: str
    operator_id: str | None = None
    status: int | None = None


class Ledger:
    """Both collections (`dispatch.intents`, `dispatch.outcomes`)."""

    def __init__(self, database: Database) -> None:
        self._intents = database.get_collection("intents")
        self._outcomes = database.get_collection("outcomes")

    async def prepare(self) -> None:
        """Make the indexes: expiry of both kinds of row."""
        try:
            for collection in (self._intents, self._outcomes):
                await collection.create_index("at", name="kept", expireAfterSeconds=_KEPT_SECONDS)
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"indexes could not be made ({type(error).__name__})") from error

    async def intend(self, intents: Sequence[Intent]) -> Mapping[AttemptKey, Outcome | None]:
        """Put intents on record, durably. The answer holds those that stood there before, with their outcome if any."""
        rows = [
            {"_id": intent.key, "lease": intent.lease, "epoch": intent.epoch, "link": intent.link, "at": intent.at}
            for intent in intents
        ]
        try:
            known = await _insert_new(self._intents.insert_many, rows)
            if not known:
                return {}
            outcomes = {
                AttemptKey(row["_id"]): _outcome(row) async for row in self._outcomes.find({"_id": {"$in": known}})
            }
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"intents could not be written ({type(error).__name__})") from error
        return {AttemptKey(key): outcomes.get(AttemptKey(key)) for key in known}

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Put outcomes on record, durably. The first outcome of an attempt stays; a repeat is nothing."""
        rows = []
        for outcome in outcomes:
            row: Document = {"_id": outcome.key, "kind": outcome.kind.value, "at": outcome.at, "link": outcome.link}
            if outcome.operator_id is not None:
                row["operator_id"] = outcome.operator_id
            if outcome.status is not None:
                row["status"] = outcome.status
            rows.append(row)
        try:
            await _insert_new(self._outcomes.insert_many, rows)
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"outcomes could not be written ({type(error).__name__})") from error


async def _insert_new(insert_many: Any, rows: Sequence[Document]) -> list[str]:
    """Insert rows in bulk; return the keys that were there before. Any other failure is raised."""
    try:
        await insert_many(rows, ordered=False)
    except BulkWriteError as error:
        failures = error.details.get("writeErrors", [])
        if error.details.get("writeConcernErrors") or any(failure["code"] != _DUPLICATE for failure in failures):
            raise
        return [rows[failure["index"]]["_id"] for failure in failures]
    return []


def _outcome(row: Document) -> Outcome:
    return Outcome(
        key=AttemptKey(row["_id"]),
        kind=OutcomeKind(row["kind"]),
        at=row["at"],
        link=row["link"],
        operator_id=row.get("operator_id"),
        status=row.get("status"),
    )
