"""Between our structs and the rows of the collections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from bson.binary import Binary
from pymongo.errors import PyMongoError

from services.ingest.accounts.account import Account, Key, Organisation
from services.ingest.accounts.staff import StaffKey
from shared.errors import TryLater

Row = dict[str, Any]
S = TypeVar("S", Account, Key, Organisation, StaffKey)

_ID: Final[Mapping[type, str]] = {
    Account: "account_id",
    Key: "key_id",
    Organisation: "organisation_id",
    StaffKey: "key_id",
}


def to_row(value: Account | Key | Organisation | StaffKey) -> Row:
    """The row of a struct, its id as `_id`."""
    row: Row = msgspec.to_builtins(value, builtin_types=(bytes, datetime), order="sorted")
    if "digest" in row:
        row["digest"] = Binary(row["digest"])
    return {"_id": row.pop(_ID[type(value)]), **row}


def from_row(row: Mapping[str, Any], kind: type[S]) -> S:
    """The struct of a row; members of others are left out."""
    return msgspec.convert({_ID[kind]: row["_id"], **row}, kind)


@contextmanager
def translated() -> Iterator[None]:
    """The driver's errors as `TryLater` (`accounts_unavailable`), without its text."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("accounts_unavailable", f"the account store does not answer ({type(error).__name__})") from None
