"""The write-ahead ledger: an intent before each PDU, an outcome after it, both by `message:part:attempt`.

Rows are inserted and never updated (an insert costs a quarter of an update); they live 30 days. An intent without an
outcome means that nobody knows whether the operator took the part. An attempt that was called unknown is closed in a
row of its own (`message:part:attempt:settled`), which then is what counts: whoever inserts it first, for a late answer
or for the sweeper, has closed it.

Times have the store's precision, milliseconds, so that what is read back equals what was written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, PyMongoError

from shared.contracts.topics import operator_of
from shared.errors import TryLater
from shared.ids import MessageId
from shared.stores.mongodb import Database, Document

AttemptKey = NewType("AttemptKey", str)

_KEPT_SECONDS = 30 * 24 * 3600
_DUPLICATE = 11000
_SETTLED = ":settled"


def attempt_key(message_id: str, part: int, attempt: int) -> AttemptKey:
    """Key of one attempt at one part, on both kinds of row."""
    return AttemptKey(f"{message_id}:{part}:{attempt}")


class OutcomeKind(StrEnum):
    """How an attempt ended. After `WITHHELD` (certainly never written) and `DEFERRED` (the operator took nothing, and
    asked for patience) another follows here, after `RETURNED` (never written either) wherever the router sends it.

    The last four close what was `UNKNOWN`: sent again as the next attempt, or not any more.
    """

    SUBMITTED = "submitted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"
    DEFERRED = "deferred"
    RETURNED = "returned"
    AGAIN = "again"
    FAILED = "failed"
    EXPIRED = "expired"
    REJECTED = "rejected"


ANSWERS = frozenset({OutcomeKind.SUBMITTED, OutcomeKind.REFUSED})
"""What the operator said, for good."""

NOT_TAKEN = frozenset({OutcomeKind.WITHHELD, OutcomeKind.DEFERRED})
"""Came to nothing: no fact, and the next attempt may be made."""

CLOSED = frozenset({OutcomeKind.AGAIN, OutcomeKind.FAILED, OutcomeKind.EXPIRED, OutcomeKind.REJECTED})
"""Given up by the sweeper, which tells what follows."""


class Intent(msgspec.Struct, frozen=True):
    """A PDU is about to be written by the holder of this lease in this epoch.

    Lease, epoch and time together tell an intent from that of anybody else, an earlier life of this process included.
    """

    key: AttemptKey
    lease: str
    epoch: int
    link: str
    at: datetime


class Outcome(msgspec.Struct, frozen=True):
    """What came of it. `operator_id` is the operator's, `status` its command_status.

    `late` marks the answer to an attempt that stands as unknown.
    """

    key: AttemptKey
    kind: OutcomeKind
    at: datetime
    link: str
    operator_id: str | None = None
    status: int | None = None
    late: bool = False

    @property
    def row_id(self) -> str:
        """Under which it is kept."""
        return f"{self.key}{_SETTLED}" if self.late else self.key


class Standing(msgspec.Struct, frozen=True):
    """An attempt that somebody else began: the intent, and what came of it as far as is on record."""

    intent: Intent
    outcome: Outcome | None


def milliseconds(at: datetime) -> datetime:
    """A time as the store keeps it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


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

    async def intend(self, intents: Sequence[Intent]) -> Mapping[AttemptKey, Standing]:
        """Put intents on record, durably; `standing` says what the answer holds.

        After an error the same intents may be written again: rows of theirs that stand already are theirs.
        """
        rows = [
            {"_id": intent.key, "lease": intent.lease, "epoch": intent.epoch, "link": intent.link, "at": intent.at}
            for intent in intents
        ]
        try:
            repeated = frozenset(await insert_new(self._intents, rows))
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"intents could not be written ({type(error).__name__})") from error
        if not repeated:
            return {}
        return await self.standing([intent for intent in intents if intent.key in repeated], all_stand=True)

    async def standing(self, intents: Sequence[Intent], *, all_stand: bool = False) -> Mapping[AttemptKey, Standing]:
        """Of these attempts, those that somebody else intended, with their outcome if any; writes nothing.

        `all_stand` says that each has a row: one that cannot be read yet, because no majority has it, is `TryLater`.
        """
        own = {intent.key: intent for intent in intents}
        try:
            rows = [_intent(row) async for row in self._intents.find({"_id": {"$in": list(own)}})]
            if all_stand and len(rows) < len(own):
                raise TryLater("mongodb_unsettled", "intents that stand cannot be read yet")
            theirs = {row.key: row for row in rows if row != own[row.key]}
            outcomes = await self._read(list(theirs)) if theirs else {}
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"intents could not be read ({type(error).__name__})") from error
        return {key: Standing(intent, outcomes.get(key)) for key, intent in theirs.items()}

    async def left_open(self, lease: str, epoch: int, since: datetime) -> Mapping[AttemptKey, datetime]:
        """Intents under a lease in the epochs before this one, written since then, that have no outcome: their times.

        Found by the index that lets rows expire: since then is seconds, and an index for this alone would cost each
        insert something.
        """
        query = {"at": {"$gte": since}, "lease": lease, "epoch": {"$lt": epoch}}
        try:
            begun = {AttemptKey(row["_id"]): row["at"] async for row in self._intents.find(query, {"at": 1})}
            settled = await self._read(list(begun)) if begun else {}
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"intents could not be read ({type(error).__name__})") from error
        return {key: at for key, at in begun.items() if key not in settled}

    async def outcomes(self, keys: Sequence[AttemptKey]) -> Mapping[AttemptKey, Outcome]:
        """The outcome that counts of each of these attempts that has one."""
        try:
            return await self._read(keys)
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"outcomes could not be read ({type(error).__name__})") from error

    async def takers(self, messages: Collection[MessageId]) -> Mapping[MessageId, Collection[str]]:
        """The operators that have taken a part of these messages, for those of which one has. By the primary key: a
        range for each.
        """
        taken: dict[str, MessageId] = {}
        found: dict[MessageId, set[str]] = {}
        try:
            for message_id in messages:
                of_message = {"_id": {"$gt": f"{message_id}:", "$lt": f"{message_id};"}}
                rows = self._outcomes.find({**of_message, "kind": OutcomeKind.SUBMITTED.value}, {"_id": 1})
                taken |= {row["_id"].removesuffix(_SETTLED): message_id async for row in rows}
            if taken:
                async for row in self._intents.find({"_id": {"$in": list(taken)}}, {"lease": 1}):
                    operator = operator_of(row["lease"].rpartition(":")[0])
                    found.setdefault(taken[row["_id"]], set()).add(operator)
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"outcomes could not be read ({type(error).__name__})") from error
        return found

    async def settle(self, outcomes: Sequence[Outcome]) -> Mapping[str, Outcome]:
        """Put outcomes on record, durably. The first one stays: the answer holds, by our `row_id`, what counts instead
        of ours.
        """
        rows = []
        for outcome in outcomes:
            row: Document = {"_id": outcome.row_id, "kind": outcome.kind.value, "at": outcome.at, "link": outcome.link}
            if outcome.operator_id is not None:
                row["operator_id"] = outcome.operator_id
            if outcome.status is not None:
                row["status"] = outcome.status
            rows.append(row)
        try:
            repeated = frozenset(await insert_new(self._outcomes, rows))
            if not repeated:
                return {}
            ours = [outcome for outcome in outcomes if outcome.row_id in repeated]
            stood = await self._read([outcome.key for outcome in ours])
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"outcomes could not be written ({type(error).__name__})") from error
        if any(outcome.key not in stood or (outcome.late and not stood[outcome.key].late) for outcome in ours):
            raise TryLater("mongodb_unsettled", "outcomes that stand cannot be read yet")
        return {outcome.row_id: stood[outcome.key] for outcome in ours if stood[outcome.key] != outcome}

    async def _read(self, keys: Sequence[AttemptKey]) -> Mapping[AttemptKey, Outcome]:
        """The outcome that counts of each attempt that has one: a late answer before the one it closes."""
        wanted = [*keys, *(f"{key}{_SETTLED}" for key in keys)]
        found = [_outcome(row) async for row in self._outcomes.find({"_id": {"$in": wanted}})]
        return {outcome.key: outcome for outcome in sorted(found, key=lambda outcome: outcome.late)}


async def insert_new(collection: AsyncCollection[Document], rows: Sequence[Document]) -> list[str]:
    """Insert rows in bulk; return the keys that were there before. Any other failure is raised."""
    try:
        await collection.insert_many(rows, ordered=False)
    except BulkWriteError as error:
        failures = error.details.get("writeErrors", [])
        if error.details.get("writeConcernErrors") or any(failure["code"] != _DUPLICATE for failure in failures):
            raise
        return [rows[failure["index"]]["_id"] for failure in failures]
    return []


def _intent(row: Document) -> Intent:
    return Intent(AttemptKey(row["_id"]), row["lease"], row["epoch"], row["link"], row["at"])


def _outcome(row: Document) -> Outcome:
    return Outcome(
        key=AttemptKey(row["_id"].removesuffix(_SETTLED)),
        kind=OutcomeKind(row["kind"]),
        at=row["at"],
        link=row["link"],
        operator_id=row.get("operator_id"),
        status=row.get("status"),
        late=row["_id"].endswith(_SETTLED),
    )
