"""Bodies of the API of Strex Connect, as the simulator takes and gives them: camelCase, prices in NOK.

Fields that are not listed are ignored. Times are UTC with `+00:00` and fractions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

from shared.errors import Refused

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^/:\s]+$")]
Properties = dict[str, str | int | float | bool]
B = TypeVar("B", bound=msgspec.Struct)

_encode = msgspec.json.Encoder(decimal_format="number").encode


class StrexData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What makes a message, or a transaction, a payment."""

    merchant_id: str
    service_code: str
    invoice_text: str
    price: Decimal
    business_model: str | None = None
    age: int = 0
    is_restricted: bool = False
    sms_confirmation: bool | None = None
    timeout: int = 5
    pre_auth_service_id: str | None = None


class StrexTransaction(StrexData, frozen=True, kw_only=True, rename="camel"):
    """Body of `POST api/strex/transactions`."""

    transaction_id: Id
    short_number: str
    recipient: str
    content: str | None = None
    one_time_password: str | None = None
    session_id: str | None = None
    correlation_id: str | None = None
    keyword_id: str | None = None
    tags: list[str] | None = None
    properties: Properties | None = None


class OutMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Body of `POST api/out-messages`; with `strex` a payment."""

    sender: str
    recipient: str
    content: str
    transaction_id: Id | None = None
    strex: StrexData | None = None
    session_id: str | None = None
    correlation_id: str | None = None
    keyword_id: str | None = None
    delivery_report_url: str | None = None
    tags: list[str] | None = None
    properties: Properties | None = None


class OneTimePassword(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Body of `POST api/strex/one-time-passwords`. `time_to_live` is minutes."""

    transaction_id: Id
    merchant_id: str
    recipient: str
    recurring: bool
    sender: str | None = None
    message_prefix: str | None = None
    message_suffix: str | None = None
    time_to_live: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 2


def read(body: bytes, kind: type[B]) -> B:
    """A body. Raises `Refused` (`bad_body`)."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("bad_body", str(error)) from None


def write(answer: object) -> bytes:
    """JSON, with decimals as numbers."""
    return _encode(answer)


def time(at: datetime) -> str:
    """As the server writes times."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def to_ore(price: Decimal) -> int:
    """Øre of a price in NOK. Raises `Refused` for a fraction of an øre, or no number at all."""
    ore = price * 100 if price.is_finite() else Decimal("0.5")
    if ore != ore.to_integral_value():
        raise Refused("bad_body", "price has more than two decimals")
    return int(ore)


def to_nok(ore: int) -> Decimal:
    """A price as the API writes it."""
    return Decimal(ore).scaleb(-2)


def without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    """An object without the members that say nothing."""
    return {name: value for name, value in fields.items() if value is not None}
