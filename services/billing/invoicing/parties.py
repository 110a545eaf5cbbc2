"""Who buys and who sells, as an invoice names them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import msgspec
from stdnum.ean import is_valid as is_gln
from stdnum.no import kontonr, orgnr

from shared.contracts.events import Account
from shared.errors import BadSettings, FieldError
from shared.text.printed import fault_of_line

EXAMPLE: Final = Path(__file__).with_name("seller.toml")

CustomerId = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,63}\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
PostalCode = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}\Z")]
OrganisationNumber = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{9}\Z")]

_GLN: Final = re.compile(r"[0-9]{13}")
_ROOM: Final = 1
"""Digits by which the numbers of invoices may grow before their KID is full."""


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In Norway."""

    street: Text
    postal_code: PostalCode
    city: Text


class Subscribed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A product that is paid by the month, from and until these days; until None goes on."""

    code: str
    since: date
    until: date | None = None


class Customer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A business that is invoiced, in Norway, with the accounts whose messages it pays for.

    `gln` is where it gets its invoices when that is not its organisation number (R-60). `reference` is what it wants
    to see on them. `payment_days` is by agreement, else the seller's (R-42).
    """

    customer_id: CustomerId
    name: Text
    organisation_number: OrganisationNumber
    address: Address
    plan: str
    accounts: Annotated[tuple[Account, ...], msgspec.Meta(min_length=1, max_length=1000)]
    subscriptions: Annotated[tuple[Subscribed, ...], msgspec.Meta(max_length=20)] = ()
    vat_registered: bool = True
    gln: str | None = None
    reference: Text | None = None
    payment_days: Annotated[int, msgspec.Meta(ge=0, le=60)] | None = None


class Seller(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """We. `bank_account` is a Norwegian one; `kid_digits` is as agreed with the bank, check digit included.

    `first_number` begins the series of invoices and means nothing once there is one.
    """

    name: Text
    organisation_number: OrganisationNumber
    address: Address
    bank_account: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{11}\Z")]
    kid_digits: Annotated[int, msgspec.Meta(ge=7, le=25)] = 12
    payment_days: Annotated[int, msgspec.Meta(ge=0, le=60)] = 10
    first_number: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 100_001


def faults_of(customer: Customer) -> Iterator[FieldError]:
    """What a schema cannot say of a customer's record."""
    if not orgnr.is_valid(customer.organisation_number):
        yield FieldError("/organisation_number", "invalid_organisation_number", "its check digit is wrong")
    # Its check takes digits of other lengths and scripts too, and passes over what stands between them.
    if customer.gln is not None and not (_GLN.fullmatch(customer.gln) and is_gln(customer.gln)):
        yield FieldError("/gln", "invalid_gln", "a GLN has 13 digits, the last of them a check digit")
    texts = _texts(customer) if customer.reference is None else {**_texts(customer), "reference": customer.reference}
    for pointer, text in texts.items():
        if (fault := fault_of_line(text)) is not None:
            yield FieldError(f"/{pointer}", "wrong_form", fault)
    if len(set(customer.accounts)) != len(customer.accounts):
        yield FieldError("/accounts", "duplicate_value", "an account stands here twice")
    for index, one in enumerate(customer.subscriptions):
        if one.until is not None and one.until < one.since:
            yield FieldError(f"/subscriptions/{index}/until", "out_of_range", "it ends before it begins")
        if any(_overlap(one, other) for other in customer.subscriptions[:index]):
            yield FieldError(f"/subscriptions/{index}/since", "overlapping", "the same runs in that month already")


def _texts(party: Customer | Seller) -> dict[str, str]:
    """What of a party an invoice always says."""
    return {"name": party.name, "address/street": party.address.street, "address/city": party.address.city}


def _overlap(one: Subscribed, other: Subscribed) -> bool:
    """Whether both are paid for the same month: one that has begun is paid whole."""
    first, second = sorted((one, other), key=lambda subscribed: subscribed.since)
    ends = first.until or date.max
    return one.code == other.code and (second.since.year, second.since.month) <= (ends.year, ends.month)


def read_seller(path: Path) -> Seller:
    """Raises `BadSettings` that says what is wrong."""
    try:
        seller = msgspec.convert(tomllib.loads(path.read_text()), Seller)
    except OSError as error:
        raise BadSettings("bad_seller", f"BUDSTIKKE_SELLER: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadSettings("bad_seller", f"BUDSTIKKE_SELLER: {error}") from None
    if not orgnr.is_valid(seller.organisation_number):
        raise BadSettings("bad_seller", "BUDSTIKKE_SELLER: the check digit of organisation_number is wrong")
    if not kontonr.is_valid(seller.bank_account):
        raise BadSettings("bad_seller", "BUDSTIKKE_SELLER: the check digit of bank_account is wrong")
    for name, text in _texts(seller).items():
        if (fault := fault_of_line(text)) is not None:
            raise BadSettings("bad_seller", f"BUDSTIKKE_SELLER: {name}: {fault}")
    if len(str(seller.first_number)) + _ROOM > seller.kid_digits - 1:
        raise BadSettings("bad_seller", "BUDSTIKKE_SELLER: kid_digits leaves no room for the numbers to come")
    return seller
