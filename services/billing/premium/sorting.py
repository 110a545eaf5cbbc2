"""The rows of a daily file by charge, on disk: the file has them in any order, and a day is not held in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from services.billing.premium.daily_file import FileRow
from shared.contracts.premium import Billed, TransactionId
from shared.errors import Refused

_MOST: Final = 500_000
_TABLE: Final = """
CREATE TABLE rows
(charge TEXT, id TEXT, price INTEGER, billed TEXT, service TEXT, times INTEGER, PRIMARY KEY (charge, id))
WITHOUT ROWID
"""
_ADD: Final = """
INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET times = times + excluded.times, price = coalesce(excluded.price, price),
billed = excluded.billed, service = excluded.service
"""
_AFTER: Final = """
SELECT id, price, billed, service, times FROM rows WHERE charge > ? ORDER BY charge, id LIMIT ?
"""


class SortedRows:
    """A context. Its file has no name that anybody could open, holds neither numbers nor texts, and is gone when the
    context ends, or the process does.
    """

    def __enter__(self) -> Self:
        """Make the file."""
        self._rows = 0
        self._file = sqlite3.connect("")
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute(_TABLE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove it."""
        self._file.close()

    def add(self, rows: Iterable[FileRow]) -> None:
        """Put rows in. One that is there already is there once more, as the file has it last.

        Raises `Refused` (`bad_daily_file`) beyond half a million.
        """
        values = [(row.charge, row.transaction_id, row.price, row.billed, row.service_code, row.times) for row in rows]
        self._rows += len(values)
        if self._rows > _MOST:
            raise Refused("bad_daily_file", f"the file has more than {_MOST} rows")
        self._file.executemany(_ADD, values)

    def after(self, charge: str, limit: int) -> tuple[Sequence[FileRow], bool]:
        """All rows of the charges behind this one, at most `limit` rows (2 or more), and whether there are others."""
        found = self._file.execute(_AFTER, (charge, limit + 1)).fetchall()
        rows = [
            FileRow(TransactionId(name), price, Billed(billed), service, times)
            for name, price, billed, service, times in found
        ]
        if len(rows) <= limit:
            return rows, False
        # A charge has two rows at most, itself and its reversal: they stay together.
        return [row for row in rows if row.charge != rows[-1].charge], True
