"""The daily file of Strex: every transaction of a day as CSV, read by the names of its columns.

It mixes payments with messages that cost nothing, and says neither `billed` nor VAT; a text in it may hold line breaks
and commas. Recipient and text are read over: nothing of them is kept.
"""

from __future__ import annotations

import csv
import re
from codecs import getincrementaldecoder
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from shared.contracts.premium import Billed, TransactionId
from shared.errors import Refused

COLUMNS: Final = frozenset({"TransactionId", "StatusCode", "DetailedStatusCode", "Price", "ServiceCode", "ResultCode"})
"""Those that are needed; their order is not published, and there are more."""

_PRICE: Final = re.compile(r"(-?)([0-9]{1,7})(?:\.([0-9]{1,2}))?")
_ID: Final = re.compile(r"[\x21-\x7e]{1,100}")
_BILLED: Final = frozenset({"ok", "rebilled", "reversed"})
_OPEN: Final = frozenset({"queued", "sent"})
_NEVER: Final = "missingdeliveryreport"
_SUCCESS: Final = frozenset({"", "0"})
_LONGEST_FIELD: Final = 1 << 20
_LONGEST_ROW: Final = 4 << 20
_PIECE: Final = 1 << 16
"""So many characters are read at a time."""


class FileRow(msgspec.Struct, frozen=True):
    """One payment as Strex tells it. Price in øre, negative for a reversal, None where the file has none.

    `times` is how often the file has it.
    """

    transaction_id: TransactionId
    price: int | None
    billed: Billed
    service_code: str
    times: int = 1

    @property
    def charge(self) -> TransactionId:
        """The charge that it is, or that it reverses."""
        return TransactionId(self.transaction_id.removeprefix("-"))


class Unreadable(msgspec.Struct, frozen=True):
    """A row that cannot be used: its number among the rows, from 1, and the column that is wrong."""

    row: int
    column: str


class DailyReader:
    """Reads a file as it comes, in pieces of any size; at most a row and a piece of it are held."""

    def __init__(self) -> None:
        csv.field_size_limit(_LONGEST_FIELD)
        self._decode = getincrementaldecoder("utf-8-sig")("strict").decode
        self._rest = ""
        self._lines: list[str] = []
        self._columns: list[str] = []
        self._unread = 0
        self._rows = 0

    def feed(self, octets: bytes) -> Sequence[FileRow | Unreadable]:
        """The rows that have come to their end. Raises `Refused` (`bad_daily_file`)."""
        self._take(octets, final=False)
        return self._read(final=False) if self._unread >= _PIECE else ()

    def end(self) -> Sequence[FileRow | Unreadable]:
        """The last rows. Raises `Refused` (`bad_daily_file`), also for a file without a header."""
        self._take(b"", final=True)
        self._lines += [self._rest] if self._rest else []
        rows = self._read(final=True)
        if not self._columns:
            raise Refused("bad_daily_file", "the file is empty")
        return rows

    def _take(self, octets: bytes, *, final: bool) -> None:
        try:
            text = self._decode(octets, final)
        except UnicodeDecodeError:
            raise Refused("bad_daily_file", "the file is not UTF-8") from None
        *lines, self._rest = (self._rest + text).split("\n")
        self._lines += [f"{line}\n" for line in lines]
        self._unread += len(text)

    def _read(self, *, final: bool) -> Sequence[FileRow | Unreadable]:
        """Rows end with a line, but for those with a line break in a text: their first lines wait for the others."""
        rows: list[FileRow | Unreadable] = []
        used = 0
        reader = csv.reader(self._lines, strict=True)
        try:
            for fields in reader:
                used = reader.line_num
                if fields:
                    rows += self._row(fields)
        except csv.Error:
            waiting = sum(map(len, self._lines[used:]))
            if final or reader.line_num < len(self._lines) or waiting > _LONGEST_ROW:
                raise Refused("bad_daily_file", f"the file is not CSV after row {self._rows}") from None
        del self._lines[:used]
        self._unread = 0
        return rows

    def _row(self, fields: Sequence[str]) -> Sequence[FileRow | Unreadable]:
        if not self._columns:
            if missing := COLUMNS - set(fields):
                raise Refused("bad_daily_file", f"the file has no column {min(missing)}")
            self._columns = list(fields)
            return ()
        self._rows += 1
        row = _row(dict(zip(self._columns, fields, strict=False)))
        return (row if isinstance(row, FileRow) else Unreadable(self._rows, row),)


def _row(fields: Mapping[str, str]) -> FileRow | str:
    """A row, or the name of the column that is wrong: a row may be too short."""
    wrong = next((name for name in sorted(COLUMNS) if name not in fields), None)
    if wrong is not None:
        return wrong
    values = {name: fields[name].strip() for name in COLUMNS}
    if _ID.fullmatch(values["TransactionId"]) is None:
        return "TransactionId"
    price = None
    if values["Price"]:
        match = _PRICE.fullmatch(values["Price"])
        if match is None:
            return "Price"
        sign, whole, part = match.groups()
        price = (int(whole) * 100 + int((part or "").ljust(2, "0"))) * (-1 if sign else 1)
    return FileRow(
        transaction_id=TransactionId(values["TransactionId"]),
        price=price,
        billed=_billed(values),
        service_code=values["ServiceCode"],
    )


def _billed(values: dict[str, str]) -> Billed:
    """Whether money moved: by status and result code, for the file does not say `billed`."""
    status, detail = values["StatusCode"].lower(), values["DetailedStatusCode"].lower()
    if status in _OPEN or detail == _NEVER:
        return Billed.UNKNOWN
    if status in _BILLED:
        return Billed.TRUE if values["ResultCode"] in _SUCCESS else Billed.UNKNOWN
    return Billed.FALSE if status == "failed" else Billed.UNKNOWN
