"""Comparing a day: the file is fetched, held against the books, and the report kept. The books stay as they are."""

from __future__ import annotations

import asyncio
from datetime import datetime
from hashlib import sha256

import msgspec

from services.billing.database import translated
from services.billing.premium.api.daily_files import DailyFiles
from services.billing.premium.daily_file import read_daily
from services.billing.premium.ledger import Ledger
from services.billing.premium.reconciling import Report, compare
from services.billing.rows import from_row, to_row
from shared.clock import Clock
from shared.contracts.premium import TransactionId
from shared.errors import Refused
from shared.money.periods import Day, day_of
from shared.stores.mongodb import MongoStore

REPORTS = "premium_reconciliations"


class Reconciled(msgspec.Struct, frozen=True):
    """A report, of which file it is, and when it was made. The latest of a day replaces those before it."""

    id: Day
    at: datetime
    file_sha256: str
    report: Report


class Reconciliation:
    """Compares days."""

    def __init__(self, mongo: MongoStore, ledger: Ledger, files: DailyFiles, clock: Clock) -> None:
        self._mongo = mongo
        self._ledger = ledger
        self._files = files
        self._clock = clock

    async def compare(self, day: Day) -> Reconciled:
        """Compare a day that is over.

        Raises `Refused`: `day_not_over`, `no_daily_file`, `bad_daily_file`; `TryLater` without Strex or database.
        """
        if day >= day_of(self._clock.now()):
            raise Refused("day_not_over", "a day is compared when it is over")
        text = await self._files.fetch(day)
        file = await asyncio.to_thread(read_daily, text)
        named = {TransactionId(row.transaction_id.removeprefix("-")) for row in file.rows}
        known = {one.id: one for one in await self._ledger.on_day(day)}
        known |= {one.id: one for one in await self._ledger.named(named - known.keys())}
        digest = sha256(text.encode()).hexdigest()
        done = Reconciled(day, self._clock.now(), digest, compare(day, known.values(), file))
        async with translated():
            await self._mongo.database[REPORTS].replace_one({"_id": day}, to_row(done), upsert=True)
        return done

    async def last(self, day: Day) -> Reconciled | None:
        """The latest report of a day."""
        async with translated():
            row = await self._mongo.database[REPORTS].find_one({"_id": day})
        return None if row is None else from_row(row, Reconciled)
