"""What people who receive messages ask of us (v1)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from shared.contracts.events import Account, Event, Utc
from shared.errors import BadRecord
from shared.ids import AccountId

EVERY_SENDER: Final = "*"
"""The scope of an opt-out from all that an account sends; any other scope is one sender of it."""


class OptOutSource(StrEnum):
    """How it was asked for."""

    KEYWORD = "keyword"
    API = "api"
    DESK = "desk"


class OptOutRequested(Event, frozen=True, kw_only=True):
    """A person wants no more from an account, or from one sender of it. On `config.opt-outs` under `opt_out_key`.

    It holds until a tombstone with the same key takes it back. `pseudonym` is under the account's key of the year of
    `at` and begins with that year: whoever looks a number up later asks under the key of that year again. A sender is
    written as `senders.parse_sender` gives it, in lower case.
    """

    account_id: Account
    scope: str
    pseudonym: str
    at: Utc
    source: OptOutSource


def opt_out_key(account_id: AccountId, scope: str, pseudonym: str) -> str:
    """The key of the record, which names an account, a scope and a pseudonym; none of them holds a bar."""
    return f"{account_id}|{scope}|{pseudonym}"


def read_opt_out_key(key: bytes | None) -> tuple[AccountId, str, str]:
    """Account, scope and pseudonym of a record's key. Raises `BadRecord` for a key of another form."""
    parts = (key or b"").decode("utf-8", "replace").split("|")
    if len(parts) != 3 or not all(parts):
        raise BadRecord("bad_key", "the key is no account, scope and pseudonym")
    return AccountId(parts[0]), parts[1], parts[2]
