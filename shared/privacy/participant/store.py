"""What a participant is told of a store: how to forget some of it at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.contracts.privacy import OrderKind, PrivacyOrdered
from shared.stores.mongodb import Database, Document

Select = Callable[[PrivacyOrdered], Document | None]
"""The rows that an order is about; None when it is about none of this store."""
Change = Callable[[PrivacyOrdered], Document]
"""An update that frees a row of the person."""


class Batch(msgspec.Struct, frozen=True):
    """What one step did. `deleted` adds up over the steps; `held` is how many rows have to stay, and the last step's
    counts. `more` says that another step is needed.
    """

    deleted: int
    held: int = 0
    more: bool = False


class Store(Protocol):
    """One store of personal data."""

    @property
    def name(self) -> str:
        """As the catalogue of stores has it."""
        ...

    async def forget(self, order: PrivacyOrdered, session: AsyncClientSession, limit: int) -> Batch:
        """Forget at most `limit` rows of what an order is about, within the transaction of `session`.

        What was forgotten is not found again: that is how a step knows where the one before it ended.
        """
        ...


class Matching:
    """A collection whose rows say themselves whom or when they are about."""

    def __init__(
        self,
        database: Database,
        collection: str,
        *,
        name: str = "",
        person: Select | None = None,
        aged: Select | None = None,
        strip: Change | None = None,
        strip_aged: Change | None = None,
        stays: Select | None = None,
        with_rows: Mapping[str, str] | None = None,
    ) -> None:
        """`person` selects for an erasure, `aged` for a purge. With `strip` (or `strip_aged`) the rows are freed of
        the person by that update, after which the selection no longer finds them; else they are deleted. `stays`
        selects what has to stay, for the count alone. `with_rows`: field by collection; rows there that name one of
        ours in that field are deleted with it. `name` is the collection's if absent.
        """
        self.name = name or collection
        self._rows = database.get_collection(collection)
        self._selects = {OrderKind.ERASE: person, OrderKind.PURGE: aged}
        self._strips = {OrderKind.ERASE: strip, OrderKind.PURGE: strip_aged}
        self._stays = stays
        self._with = [(database.get_collection(other), field) for other, field in (with_rows or {}).items()]

    async def forget(self, order: PrivacyOrdered, session: AsyncClientSession, limit: int) -> Batch:
        """As the protocol has it."""
        select, strip = self._selects[order.kind], self._strips[order.kind]
        wanted = None if select is None else select(order)
        if wanted is None:
            return Batch(0)
        found = await self._rows.find(wanted, {"_id": 1}, session=session, limit=limit).to_list(None)
        if found:
            ids = {"$in": [row["_id"] for row in found]}
            for others, field in self._with:
                await others.delete_many({field: ids}, session=session)
            if strip is None:
                await self._rows.delete_many({"_id": ids}, session=session)
            else:
                await self._rows.update_many({"_id": ids}, strip(order), session=session)
        if len(found) == limit:
            return Batch(len(found), more=True)
        stays = None if self._stays is None else self._stays(order)
        held = 0 if stays is None else await self._rows.count_documents(stays, session=session)
        return Batch(len(found), held=held)
