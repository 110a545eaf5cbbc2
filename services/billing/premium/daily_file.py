"""The daily file of Strex: every transaction of a day as CSV, read by the names of its columns.

It mixes payments with messages that cost nothing, and says neither `billed` nor VAT; a text in it may hold line breaks
and commas. Recipient and text are read over: nothing of them is kept.
"""

from __future__ import annotations

import csv
import io
import re
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


class FileRow(msgspec.Struct, frozen=True):
    """One payment as Strex tells it. Price in øre, negative for a reversal, None where the file has none."""

    transaction_id: TransactionId
    price: int | None
    billed: Billed
    status: str
    service_code: str


class Unreadable(msgspec.Struct, frozen=True):
    """A row that cannot be used: its number among the rows, from 1, and the column that is wrong."""

    row: int
    column: str


class DailyFile(msgspec.Struct, frozen=True):
    """What a file holds."""

    rows: tuple[FileRow, ...]
    unreadable: tuple[Unreadable, ...]


def read_daily(text: str) -> DailyFile:
    """Read a whole file. Raises `Refused` (`bad_daily_file`) when it is none: no header, or a column is missing."""
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    rows, unreadable = [], []
    try:
        missing = COLUMNS - set(reader.fieldnames or ())
        if missing:
            raise Refused("bad_daily_file", f"the file has no column {min(missing)}")
        for number, fields in enumerate(reader, 1):
            row = _row(fields)
            if isinstance(row, FileRow):
                rows.append(row)
            else:
                unreadable.append(Unreadable(number, row))
    except csv.Error:
        raise Refused("bad_daily_file", f"the file is not CSV after row {len(rows) + len(unreadable)}") from None
    return DailyFile(tuple(rows), tuple(unreadable))


def _row(fields: dict[str, str | None]) -> FileRow | str:
    """A row, or the name of the column that is wrong."""
    # A row that is too short has None in its last columns, one that is too long has a list under None.
    wrong = next((name for name in sorted(COLUMNS) if not isinstance(fields.get(name), str)), None)
    if wrong is not None:
        return wrong
    values = {name: (fields[name] or "").strip() for name in COLUMNS}
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
        status=values["StatusCode"],
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
