"""Refunds on record: asked for once per transaction, however often, and handed to Strex as an order."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession

from services.billing.database import translated
from services.billing.premium.ledger import REFUNDS, TRANSACTIONS
from services.billing.premium.refund import (
    Refund,
    RefundId,
    RefundState,
    RefusalCode,
    follow,
    move,
    refund_id,
    request,
    request_anew,
)
from services.billing.premium.transaction import Transaction
from services.billing.rows import from_row, in_transaction, not_aside, readable, to_row
from shared.contracts.premium import TransactionId
from shared.errors import Refused
from shared.ids import AccountId
from shared.stores.mongodb import MongoStore

_INDEXES: Final = (
    IndexModel([("account_id", ASCENDING), ("requested_at", DESCENDING), ("_id", ASCENDING)], name="newest"),
    IndexModel([("requested_at", ASCENDING)], name="requested", partialFilterExpression={"state": "requested"}),
)
"""`newest`: an account's. `requested`: what is to be ordered."""


class Refunds:
    """Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            await self._mongo.database[REFUNDS].create_indexes(list(_INDEXES))

    async def ask(
        self, account: AccountId, charge: TransactionId, *, at: datetime, by: str, reason: str | None
    ) -> tuple[Refund, bool]:
        """The refund of an account's charge, and whether it is new: the first asking makes it, each later one finds it.
        One that Strex never took is requested again by a later asking.

        Raises `Refused`: `not_found` (another account's, too), `not_billed`, `outcome_open`.
        """

        async def act(session: AsyncClientSession) -> tuple[Refund, bool]:
            # Touched, so that what Strex says of the reversal meanwhile is either seen here or finds the refund.
            row = await self._mongo.database[TRANSACTIONS].find_one_and_update(
                {"_id": charge, "account_id": account}, {"$inc": {"touched": 1}}, session=session
            )
            if row is None:
                raise Refused(RefusalCode.NOT_FOUND, "there is no such transaction")
            transaction = from_row(row, Transaction)
            known = await self._mongo.database[REFUNDS].find_one({"_id": refund_id(charge)}, session=session)
            if known is not None:
                refund = from_row(known, Refund)
                after = request_anew(refund, transaction, at=at, by=by, reason=reason)
                if after is not refund:
                    await self._mongo.database[REFUNDS].replace_one(
                        {"_id": refund.id}, to_row(after, unpublished=True), session=session
                    )
                return after, False
            refund = follow(request(transaction, at=at, by=by, reason=reason), transaction, at)
            await self._mongo.database[REFUNDS].insert_one(to_row(refund, unpublished=True), session=session)
            return refund, True

        return await in_transaction(self._mongo, act)

    async def one(self, account: AccountId, refund: RefundId) -> Refund | None:
        """One of an account's refunds."""
        async with translated():
            row = await self._mongo.database[REFUNDS].find_one({"_id": refund, "account_id": account})
        return None if row is None else from_row(row, Refund)

    async def page(self, account: AccountId, *, limit: int) -> list[Refund]:
        """An account's, newest first."""
        async with translated():
            found = self._mongo.database[REFUNDS].find({"account_id": account})
            rows = await found.sort([("requested_at", -1), ("_id", 1)]).limit(limit).to_list(None)
        return [from_row(row, Refund) for row in rows]

    async def to_order(self, now: datetime, limit: int) -> tuple[list[tuple[Refund, Transaction]], list[RefundId]]:
        """Those that Strex was not told of yet and that are not set aside, the oldest first, each with its charge; and
        the ids of those that cannot be ordered, because they, or their charges, cannot be read.
        """
        query = {"state": RefundState.REQUESTED, **not_aside(now)}
        async with translated():
            found = self._mongo.database[REFUNDS].find(query).sort("requested_at")
            refunds, unreadable = readable(await found.limit(limit).to_list(None), Refund)
            if not refunds:
                return [], unreadable
            charges = [refund.transaction_id for refund in refunds]
            rows = await self._mongo.database[TRANSACTIONS].find({"_id": {"$in": charges}}).to_list(None)
        known = {charge.id: charge for charge in readable(rows, Transaction)[0]}
        missing = [refund.id for refund in refunds if refund.transaction_id not in known]
        whole = [(refund, known[refund.transaction_id]) for refund in refunds if refund.transaction_id in known]
        return whole, unreadable + missing

    async def ordered(self, refund: Refund, at: datetime) -> None:
        """Strex is told. One that moved on meanwhile stays where it is."""
        after = move(refund, RefundState.ORDERED, at)
        async with translated():
            await self._mongo.database[REFUNDS].replace_one(
                {"_id": refund.id, "version": refund.version}, to_row(after, unpublished=True)
            )
