"""What is asked of the internal API of the premium books, checked."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from starlette.requests import Request

from services.billing.premium.transaction import Standing, Transaction
from shared.errors import FieldError, Refused
from shared.money.periods import Day, Month, parse_month

MOST: Final = 200
_LONGEST_ID: Final = 64
_DAY: Final = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")

Word = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9_]{1,64}\Z")]


class RefundAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a refund: either a transaction, or number, short number and day (R-81). `reason` is a word, no text."""

    transaction_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    to: Annotated[str, msgspec.Meta(min_length=1, max_length=32)] | None = None
    short_number: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4,8}\Z")] | None = None
    day: str | None = None
    reason: Word | None = None


class Received(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a settlement: the day on which Strex paid, and how much in øre."""

    received_on: str
    amount: Annotated[int, msgspec.Meta(ge=-(10**12), le=10**12)]


def day_in(text: str, pointer: str) -> Day:
    """A day of this century. Raises `Refused` (`invalid_request`)."""
    try:
        if _DAY.fullmatch(text):
            return Day(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat())
    except ValueError:
        pass
    raise invalid(pointer, "wrong_form", "must be a day, as 2026-10-31")


def month_in(request: Request) -> Month:
    """The month in the path. Raises `Refused` (`invalid_month`)."""
    return parse_month(request.path_params["month"])


def limit_in(query: Mapping[str, str]) -> int:
    """How many are wanted, 50 by default. Raises `Refused` (`invalid_request`)."""
    value = query.get("limit", "50")
    if not (value.isascii() and value.isdecimal() and len(value) <= len(str(MOST)) and 1 <= int(value) <= MOST):
        raise invalid("/limit", "out_of_range", f"must be a whole number from 1 to {MOST}")
    return int(value)


def standings_in(query: Mapping[str, str]) -> list[Standing]:
    """Which are wanted, with commas between; no parameter: all. Raises `Refused` (`invalid_request`)."""
    try:
        return [Standing(word) for word in query["standing"].split(",")] if "standing" in query else []
    except ValueError:
        raise invalid("/standing", "unknown_value", f"must be among {', '.join(Standing)}") from None


def cursor_in(query: Mapping[str, str]) -> tuple[datetime, str] | None:
    """Where the page before ended. Raises `Refused` (`invalid_request`)."""
    text = query.get("cursor")
    if text is None:
        return None
    try:
        at, last = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=tuple[datetime, str])
    except (ValueError, msgspec.MsgspecError):
        raise invalid("/cursor", "invalid_cursor", "is no cursor of ours") from None
    if at.tzinfo is None or len(last) > _LONGEST_ID:
        raise invalid("/cursor", "invalid_cursor", "is no cursor of ours")
    return at, last


def cursor_after(one: Transaction) -> str:
    """Leads to what comes after this one."""
    at = min(leg.ordered_at for leg in (one.charge, one.reversal) if leg is not None)
    return urlsafe_b64encode(msgspec.json.encode((at, one.id))).rstrip(b"=").decode()


def invalid(pointer: str, code: str, message: str) -> Refused:
    """The refusal of one field."""
    return Refused("invalid_request", "a field is wrong", [FieldError(pointer, code, message)])
