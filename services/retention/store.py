"""All queries of retention, and the indexes that they need (database `retention`).

policies   _id account id, the members of `Policy`
audit      what was set and by whom: at, actor, account_id, what, months, reason
holds      _id hold id, the members of `LegalHold`; untold (true while the owners of data are to be told of it)
orders     _id order id, the members of `Order`
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from services.retention.database import from_row, to_row, translated
from services.retention.hold import HoldId, LegalHold
from services.retention.order import Order, OrderState
from services.retention.policy import Policy, default_of
from shared.contracts.privacy import OrderId, OrderKind
from shared.ids import AccountId
from shared.privacy.holds import Held
from shared.stores.mongodb import MongoStore

_INDEXES: Final = {
    "holds": (
        IndexModel([("closed_at", ASCENDING), ("account_id", ASCENDING)], name="open"),
        IndexModel([("untold", ASCENDING)], name="untold", sparse=True),
    ),
    "orders": (
        IndexModel([("unpublished", ASCENDING)], name="unpublished", sparse=True),
        IndexModel([("state", ASCENDING), ("ordered_at", ASCENDING)], name="by_state"),
        IndexModel([("account_id", ASCENDING), ("kind", ASCENDING), ("ordered_at", DESCENDING)], name="newest"),
        IndexModel([("account_id", ASCENDING), ("ordered_at", DESCENDING)], name="newest_of_account"),
        IndexModel([("ordered_at", DESCENDING)], name="newest_of_all"),
    ),
    "audit": (IndexModel([("account_id", ASCENDING), ("at", DESCENDING)], name="newest"),),
}
_MOST: Final = 200


class RetentionStore:
    """Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            for name, indexes in _INDEXES.items():
                await self._mongo.database[name].create_indexes(list(indexes))

    async def policy(self, account: AccountId) -> Policy:
        """An account's period, or the default."""
        async with translated():
            row = await self._mongo.database["policies"].find_one({"_id": account})
        return default_of(account) if row is None else from_row(row, Policy)

    async def policies(self) -> list[Policy]:
        """Those that were set."""
        async with translated():
            rows = await self._mongo.database["policies"].find().sort("_id").to_list(None)
        return [from_row(row, Policy) for row in rows]

    async def set_policy(self, policy: Policy) -> None:
        """Set an account's period, with a line of audit before it."""
        row = to_row(policy)
        line = {"at": policy.set_at, "actor": policy.set_by, "account_id": policy.account_id, "what": "retention"}
        async with translated():
            await self._mongo.database["audit"].insert_one({**line, "months": policy.months, "reason": policy.reason})
            await self._mongo.database["policies"].replace_one({"_id": policy.account_id}, row, upsert=True)

    async def open_hold(self, hold: LegalHold) -> None:
        """Keep a new hold, which is to be told."""
        async with translated():
            await self._mongo.database["holds"].insert_one(to_row(hold) | {"untold": True})

    async def close_hold(self, hold: HoldId, by: str, at: datetime) -> LegalHold | None:
        """The hold, closed now or before; None when there is none."""
        holds = self._mongo.database["holds"]
        async with translated():
            closed = {"closed_by": by, "closed_at": at, "untold": True}
            change = {"$set": closed, "$unset": {"pseudonyms": ""}}
            await holds.update_one({"_id": hold, "closed_at": None}, change)
            row = await holds.find_one({"_id": hold})
        return None if row is None else from_row(row, LegalHold)

    async def holds(self, *, closed: bool = False) -> list[LegalHold]:
        """Open holds, the oldest first; or the closed ones."""
        query: dict[str, Any] = {"closed_at": {"$ne": None} if closed else None}
        async with translated():
            rows = await self._mongo.database["holds"].find(query).sort("opened_at", ASCENDING).to_list(None)
        return [from_row(row, LegalHold) for row in rows]

    async def untold_holds(self) -> list[LegalHold]:
        """Holds that are to be told, as they are now."""
        async with translated():
            rows = await self._mongo.database["holds"].find({"untold": True}).to_list(None)
        return [from_row(row, LegalHold) for row in rows]

    async def tell_again(self) -> None:
        """Every hold that stands is to be told."""
        async with translated():
            await self._mongo.database["holds"].update_many({"closed_at": None}, {"$set": {"untold": True}})

    async def told(self, hold: LegalHold) -> None:
        """It was told as it was; one that was closed since is to be told of that."""
        same = {"_id": hold.hold_id, "closed_at": hold.closed_at}
        async with translated():
            await self._mongo.database["holds"].update_one(same, {"$unset": {"untold": ""}})

    async def held(self, account: AccountId) -> Held:
        """What open holds say of an account."""
        async with translated():
            rows = await self._mongo.database["holds"].find({"closed_at": None, "account_id": account}).to_list(None)
        found = [from_row(row, LegalHold) for row in rows]
        return Held(
            everything=not all(hold.person for hold in found),
            pseudonyms=tuple(sorted({one for hold in found for one in hold.pseudonyms})),
        )

    async def add(self, order: Order) -> bool:
        """Keep a new order; False when it is known."""
        async with translated():
            try:
                await self._mongo.database["orders"].insert_one(to_row(order))
            except DuplicateKeyError:
                return False
        return True

    async def order(self, order_id: OrderId, account: AccountId | None = None) -> Order | None:
        """One order, if it is this account's."""
        query: dict[str, Any] = {"_id": order_id} if account is None else {"_id": order_id, "account_id": account}
        async with translated():
            row = await self._mongo.database["orders"].find_one(query)
        return None if row is None else from_row(row, Order)

    async def erasure(self, account: AccountId, scope: str, since: datetime) -> Order | None:
        """The newest erasure of a person that was ordered since then."""
        query = {
            "account_id": account,
            "kind": OrderKind.ERASE.value,
            "ordered_at": {"$gte": since},
            "scope": scope,
        }
        async with translated():
            row = await self._mongo.database["orders"].find_one(query, sort=[("ordered_at", DESCENDING)])
        return None if row is None else from_row(row, Order)

    async def orders(self, query: dict[str, Any]) -> list[Order]:
        """At most 200 orders, the newest first."""
        async with translated():
            found = self._mongo.database["orders"].find(query).sort("ordered_at", DESCENDING).limit(_MOST)
            rows = await found.to_list(None)
        return [from_row(row, Order) for row in rows]

    async def unpublished(self, among: Sequence[Order] | None = None) -> Sequence[Order]:
        """Orders that are to be published, at most 200; with `among` those of them that still are."""
        query: dict[str, Any] = {"unpublished": True}
        if among is not None:
            query["_id"] = {"$in": [order.order_id for order in among]}
        async with translated():
            rows = await self._mongo.database["orders"].find(query).limit(_MOST).to_list(None)
        return [from_row(row, Order) for row in rows]

    async def published(self, orders: Sequence[Order]) -> None:
        """Take the marks away."""
        async with translated():
            await self._mongo.database["orders"].update_many(
                {"_id": {"$in": [order.order_id for order in orders]}}, {"$unset": {"unpublished": ""}}
            )

    async def overdue(self, since: datetime) -> list[Order]:
        """Orders from before then that not everybody has answered, and of which no alarm was told."""
        long_ago = {"ordered_at": {"$lt": since}, "withheld_until": {"$not": {"$gte": since}}}
        return await self.orders({"state": OrderState.OPEN.value, **long_ago})

    async def unfinished(self, account: AccountId, *states: OrderState) -> list[Order]:
        """Every order of an account in these states that can still be carried out."""
        query = {"account_id": account, "state": {"$in": [state.value for state in states]}, "event": {"$ne": None}}
        async with translated():
            rows = await self._mongo.database["orders"].find(query).to_list(None)
        return [from_row(row, Order) for row in rows]

    async def withhold(self, order: Order) -> None:
        """It is not to be carried out, though it may have been published. One that was finished since stays so."""
        change = {"$set": {"state": OrderState.WITHHELD.value}, "$unset": {"unpublished": "", "finished_at": ""}}
        async with translated():
            await self._mongo.database["orders"].update_one(_as_it_is(order), change)

    async def order_again(self, order: Order, at: datetime) -> None:
        """What was withheld is to be carried out after all."""
        again = {"state": OrderState.OPEN.value, "unpublished": True, "withheld_until": at}
        async with translated():
            await self._mongo.database["orders"].update_one(
                _as_it_is(order), {"$set": again, "$unset": {"finished_at": ""}}
            )

    async def change(self, before: Order, after: Order) -> bool:
        """Compare-and-set on state and answers, beside which nothing changes once it is published. Without its event it
        is not to be published any more, though nobody may have noted that it was.
        """
        was = to_row(before)
        query = {"_id": before.order_id, "state": before.state.value, "answers": was.get("answers")}
        row = to_row(after)
        sets = {name: row[name] for name in ("state", "answers", "finished_at", "proof") if name in row}
        update: dict[str, Any] = {"$set": sets}
        if after.event is None:
            update["$unset"] = {"event": "", "unpublished": ""}
        async with translated():
            result = await self._mongo.database["orders"].update_one(query, update)
        return result.matched_count == 1


def _as_it_is(order: Order) -> dict[str, Any]:
    return {"_id": order.order_id, "state": order.state.value}
