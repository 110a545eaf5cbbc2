"""Comparing a day: the file is fetched, held against the books, and the report kept. The books stay as they are.

Neither side is ever in memory: the rows of the file go to disk as they come, sorted by charge, and both sides are then
gone through in that order, some hundreds at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from services.billing.database import translated
from services.billing.premium.api.daily_files import DailyFiles
from services.billing.premium.daily_file import DailyReader, FileRow, Unreadable
from services.billing.premium.ledger import Ledger
from services.billing.premium.reconciling import Comparison, Report
from services.billing.premium.sorting import SortedRows
from services.billing.rows import from_row, to_row
from shared.clock import Clock
from shared.errors import Refused
from shared.money.periods import Day, day_of
from shared.stores.mongodb import MongoStore

REPORTS = "premium_reconciliations"
_AT_ONCE: Final = 500
_END: Final = "\x7f"
"""Behind every id."""


class Reconciled(msgspec.Struct, frozen=True):
    """A report, of which file it is, and when it was made. The latest of a day replaces those before it."""

    id: Day
    at: datetime
    file_sha256: str
    report: Report


class Reconciliation:
    """Compares days."""

    def __init__(
        self, mongo: MongoStore, ledger: Ledger, files: DailyFiles, clock: Clock, *, at_once: int = _AT_ONCE
    ) -> None:
        """`at_once` rows of each side are held at a time."""
        self._mongo = mongo
        self._ledger = ledger
        self._files = files
        self._clock = clock
        self._at_once = at_once

    async def compare(self, day: Day) -> Reconciled:
        """Compare a day that is over.

        Raises `Refused`: `day_not_over`, `no_daily_file`, `bad_daily_file`; `TryLater` without Strex or database.
        """
        if day >= day_of(self._clock.now()):
            raise Refused("day_not_over", "a day is compared when it is over")
        comparison = Comparison(day)
        with SortedRows() as rows:
            digest = await self._fetch(day, rows, comparison)
            await self._go_through(day, rows, comparison)
        done = Reconciled(day, self._clock.now(), digest, comparison.report())
        async with translated():
            await self._mongo.database[REPORTS].replace_one({"_id": day}, to_row(done), upsert=True)
        return done

    async def last(self, day: Day) -> Reconciled | None:
        """The latest report of a day."""
        async with translated():
            row = await self._mongo.database[REPORTS].find_one({"_id": day})
        return None if row is None else from_row(row, Reconciled)

    async def _fetch(self, day: Day, rows: SortedRows, comparison: Comparison) -> str:
        """Put the file into its order; its digest."""
        reader, digest = DailyReader(), sha256()

        def keep(read: Sequence[FileRow | Unreadable]) -> None:
            rows.add(row for row in read if isinstance(row, FileRow))
            comparison.pass_over([row for row in read if isinstance(row, Unreadable)])

        async with aclosing(self._files.read(day)) as pieces:
            async for octets in pieces:
                digest.update(octets)
                keep(reader.feed(octets))
        keep(reader.end())
        return digest.hexdigest()

    async def _go_through(self, day: Day, rows: SortedRows, comparison: Comparison) -> None:
        """Take charges up to the one to which both sides are complete, again and again."""
        after = ""
        while after < _END:
            theirs, more = rows.after(after, self._at_once)
            ours = await self._ledger.on_day(day, after=after, limit=self._at_once)
            after = min(
                theirs[-1].charge if more else _END,
                ours[-1].id if len(ours) == self._at_once else _END,
            )
            theirs = [row for row in theirs if row.charge <= after]
            ours = [one for one in ours if one.id <= after]
            others = await self._ledger.named({row.charge for row in theirs} - {one.id for one in ours})
            comparison.add([*ours, *others], theirs)
