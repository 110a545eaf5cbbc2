"""All queries of incoming messages, numbers, keywords and opt-outs, and their indexes (database `dlr`)."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, NewType, TypeVar

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from services.dlr.inbound.keyword import Keyword, KeywordId, KeywordState, Number, keyword_id
from services.dlr.inbound.message import InboundMessage
from shared.contracts.inbound import InboundId, OptOutSource
from shared.cursors import Place
from shared.errors import Fatal, TryLater
from shared.ids import AccountId
from shared.privacy.sealing import Sealed
from shared.stores.mongodb import Document, MongoStore

OptOutId = NewType("OptOutId", str)
S = TypeVar("S", bound=msgspec.Struct)

_NATIVE: Final = (bytes, datetime)
_DUPLICATE_KEY: Final = 11000

_MESSAGES: Final = (
    IndexModel([("delivered_as", ASCENDING), ("received_at", ASCENDING)], name="delivered"),
    IndexModel([("account_id", ASCENDING), ("received_at", DESCENDING), ("_id", DESCENDING)], name="newest"),
    IndexModel([("account_id", ASCENDING), ("pseudonym", ASCENDING)], name="person"),
    IndexModel([("opt_outs.pseudonym", ASCENDING)], name="opted_out", sparse=True),
    IndexModel([("erased", ASCENDING)], name="erased", sparse=True),
)
"""`delivered`: repeats. `newest`: an account's list. `person` and `opted_out`: to erase somebody; `erased`:
what is left of that.
"""
_KEYWORDS: Final = (
    IndexModel([("account_id", ASCENDING), ("number", ASCENDING), ("keyword", ASCENDING)], name="of_account"),
    IndexModel([("number", ASCENDING), ("state", ASCENDING), ("account_id", ASCENDING)], name="tenants"),
)
_OPT_OUTS: Final = (
    IndexModel([("account_id", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="newest"),
    IndexModel([("account_id", ASCENDING), ("year", ASCENDING)], name="years"),
    IndexModel([("account_id", ASCENDING), ("pseudonym", ASCENDING)], name="person"),
)
_NUMBERS: Final = (IndexModel([("account_id", ASCENDING)], name="of_account"),)


class OptOutRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An opt-out that holds. `by` is what asked for it: an incoming message's id, or a key's. `number` is sealed under
    the account's key of no time with the row's id as subject; `TAKEN_OUT` once the person was erased or the account
    ended.
    """

    id: OptOutId = msgspec.field(name="_id")
    account_id: AccountId
    scope: str
    pseudonym: str
    year: int
    at: datetime
    source: OptOutSource
    by: str
    number: Sealed


def opt_out_id(account: AccountId, scope: str, pseudonym: str) -> OptOutId:
    """The same person, account and scope is the same opt-out."""
    return OptOutId(f"oo_{hashlib.sha256(f'{account}|{scope}|{pseudonym}'.encode()).hexdigest()[:24]}")


class InboundStore:
    """Collections `inbound_messages`, `inbound_numbers`, `keywords`, `opt_outs`.

    Every method raises `TryLater` when the database does not answer.
    """

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        database = self._mongo.database
        async with translated():
            await database["inbound_messages"].create_indexes(list(_MESSAGES))
            await database["keywords"].create_indexes(list(_KEYWORDS))
            await database["opt_outs"].create_indexes(list(_OPT_OUTS))
            await database["inbound_numbers"].create_indexes(list(_NUMBERS))

    async def deliveries(self, ids: Collection[InboundId], since: datetime) -> list[InboundMessage]:
        """Messages that an operator delivered as one of these since then, the oldest first."""
        query = {"delivered_as": {"$in": list(ids)}, "received_at": {"$gt": since}}
        return await self._many("inbound_messages", query, InboundMessage, [("received_at", ASCENDING)])

    async def keep(self, messages: Sequence[InboundMessage]) -> list[InboundMessage]:
        """Insert; what is there already stays. The messages as they are now, in the same order."""
        if not messages:
            return []
        async with translated():
            try:
                await self._mongo.database["inbound_messages"].insert_many(
                    [document(each) for each in messages], ordered=False
                )
                return list(messages)
            except BulkWriteError as error:
                faults = error.details["writeErrors"]
                if error.details.get("writeConcernErrors") or any(one["code"] != _DUPLICATE_KEY for one in faults):
                    raise
        ids = [message.id for message in messages]
        kept = {one.id: one for one in await self._many("inbound_messages", {"_id": {"$in": ids}}, InboundMessage)}
        return [kept[each] for each in ids]

    async def mark_told(self, ids: Collection[InboundId], at: datetime) -> None:
        """Everything that follows from these is written."""
        async with translated():
            await self._mongo.database["inbound_messages"].update_many(
                {"_id": {"$in": list(ids)}}, {"$set": {"told_at": at}}
            )

    async def messages_of(self, account: AccountId, after: Place | None, most: int) -> list[InboundMessage]:
        """An account's messages, the newest first, behind a place."""
        query: Document = {"account_id": account, **_behind("received_at", after)}
        order = [("received_at", DESCENDING), ("_id", DESCENDING)]
        return await self._many("inbound_messages", query, InboundMessage, order, most)

    async def message_of(self, account: AccountId, inbound_id: str) -> InboundMessage | None:
        """One, if it is this account's."""
        found = await self._many("inbound_messages", {"_id": inbound_id, "account_id": account}, InboundMessage)
        return found[0] if found else None

    async def numbers(self, names: Collection[str]) -> Mapping[str, Number]:
        """Those of these numbers that are ours."""
        found = await self._many("inbound_numbers", {"_id": {"$in": list(names)}}, Number)
        return {number.number: number for number in found}

    async def numbers_for(self, account: AccountId) -> list[Number]:
        """The account's own numbers, and the shared ones."""
        query = {"account_id": {"$in": [account, None]}}
        return await self._many("inbound_numbers", query, Number, [("_id", ASCENDING)])

    async def put_number(self, number: Number) -> None:
        """Add a number, or change whose it is."""
        async with translated():
            await self._mongo.database["inbound_numbers"].replace_one(
                {"_id": number.number}, document(number), upsert=True
            )

    async def active(self, wanted: Collection[tuple[str, str]]) -> list[Keyword]:
        """The active keywords among these pairs of number and words."""
        ids = [keyword_id(number, words) for number, words in wanted]
        return await self._many("keywords", {"_id": {"$in": ids}, "state": KeywordState.ACTIVE.value}, Keyword)

    async def tenants(self, number: str) -> tuple[AccountId, ...]:
        """Every account that has an active keyword on a number."""
        async with translated():
            found = await self._mongo.database["keywords"].distinct(
                "account_id", {"number": number, "state": KeywordState.ACTIVE.value}
            )
        return tuple(sorted(map(AccountId, found)))

    async def add_keyword(self, keyword: Keyword) -> bool:
        """Insert; False when the number has it already."""
        return await self._insert("keywords", keyword)

    async def keywords_of(self, account: AccountId) -> list[Keyword]:
        """An account's keywords, by number and word."""
        return await self._many(
            "keywords", {"account_id": account}, Keyword, [("number", ASCENDING), ("keyword", ASCENDING)]
        )

    async def keyword_of(self, account: AccountId, keyword: str) -> Keyword | None:
        """One, if it is this account's."""
        found = await self._many("keywords", {"_id": keyword, "account_id": account}, Keyword)
        return found[0] if found else None

    async def remove_keyword(self, account: AccountId, keyword: str) -> bool:
        """Delete; False when there is none."""
        return await self._delete("keywords", account, keyword)

    async def activate(self, keyword: KeywordId) -> bool:
        """An ordered keyword answers from now on; False when there is none."""
        async with translated():
            result = await self._mongo.database["keywords"].update_one(
                {"_id": keyword}, {"$set": {"state": KeywordState.ACTIVE.value}}
            )
        return result.matched_count == 1

    async def opt_out(self, row: OptOutRow) -> OptOutRow:
        """Insert; the row that was first."""
        if await self._insert("opt_outs", row):
            return row
        found = await self._many("opt_outs", {"_id": row.id}, OptOutRow)
        return found[0] if found else await self.opt_out(row)

    async def opt_outs_with(self, ids: Collection[OptOutId]) -> list[OptOutRow]:
        """Those of these that hold."""
        return await self._many("opt_outs", {"_id": {"$in": list(ids)}}, OptOutRow)

    async def opt_outs_of(self, account: AccountId, after: Place | None, most: int) -> list[OptOutRow]:
        """An account's opt-outs, the newest first, behind a place."""
        query: Document = {"account_id": account, **_behind("at", after)}
        return await self._many("opt_outs", query, OptOutRow, [("at", DESCENDING), ("_id", DESCENDING)], most)

    async def years_of(self, account: AccountId) -> list[int]:
        """The years under whose keys the account's opt-outs have their pseudonyms."""
        async with translated():
            return [
                int(year) for year in await self._mongo.database["opt_outs"].distinct("year", {"account_id": account})
            ]

    async def opt_out_of(self, account: AccountId, opt_out: str) -> OptOutRow | None:
        """One, if it is this account's."""
        found = await self._many("opt_outs", {"_id": opt_out, "account_id": account}, OptOutRow)
        return found[0] if found else None

    async def remove_opt_out(self, account: AccountId, opt_out: str) -> bool:
        """Delete; False when there is none."""
        return await self._delete("opt_outs", account, opt_out)

    async def _insert(self, collection: str, row: msgspec.Struct) -> bool:
        async with translated():
            try:
                await self._mongo.database[collection].insert_one(document(row))
            except DuplicateKeyError:
                return False
        return True

    async def _delete(self, collection: str, account: AccountId, name: str) -> bool:
        async with translated():
            result = await self._mongo.database[collection].delete_one({"_id": name, "account_id": account})
        return result.deleted_count == 1

    async def _many(
        self,
        collection: str,
        query: Document,
        kind: type[S],
        order: Sequence[tuple[str, int]] | None = None,
        most: int = 0,
    ) -> list[S]:
        async with translated():
            rows = await self._mongo.database[collection].find(query, sort=order, limit=most).to_list(None)
        return [read(row, kind) for row in rows]


def _behind(field: str, after: Place | None) -> Document:
    if after is None:
        return {}
    at, name = after
    return {"$or": [{field: {"$lt": at}}, {field: at, "_id": {"$lt": name}}]}


def document(row: msgspec.Struct) -> Document:
    """A row as the database has it."""
    written: Document = msgspec.to_builtins(row, builtin_types=_NATIVE)
    return written


def read(row: dict[str, Any], kind: type[S]) -> S:
    """A row of this kind. Raises `Fatal` for one of another shape."""
    try:
        return msgspec.convert(row, kind, builtin_types=_NATIVE)
    except msgspec.ValidationError as error:
        raise Fatal("unreadable_inbound", f"a document of incoming messages cannot be read: {error}") from None


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of the driver as ours; the type alone is told, for its text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater(
            "mongodb_unavailable", f"the store of incoming messages does not answer ({type(error).__name__})"
        ) from None
