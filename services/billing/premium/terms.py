"""Who keeps what of a charge: dated rows by merchant, service code and business model.

The shares of Strex and the operators are not public (they differ by business model), so all of this is configuration.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

import msgspec

from services.billing.premium.chart import LedgerAccount
from services.billing.premium.entry import Line, lines_of
from shared.contracts.premium import ServiceCode, can_be_charged, price_range
from shared.errors import BadSettings
from shared.money.amounts import Ore, vat_of
from shared.money.periods import Day

BasisPoints = Annotated[int, msgspec.Meta(ge=0, le=10_000)]

EXAMPLE: Final = Path(__file__).with_name("terms.toml")


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row. `operators_share` and `fee` are parts of what the user pays, `fee_ore` is added to our fee per charge,
    `vat` is a part of our fee and comes on top of it. `source` says where the row was agreed.
    """

    valid_from: date
    operators_share: BasisPoints
    fee: BasisPoints
    vat: BasisPoints
    source: str
    fee_ore: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    merchant_id: str | None = None
    service_code: ServiceCode | None = None
    business_model: str | None = None

    @property
    def name(self) -> str:
        """What it is for, and since when."""
        named = [one for one in (self.merchant_id, self.service_code, self.business_model) if one is not None]
        return " ".join(["for", *(named or ["everything"]), "from", self.valid_from.isoformat()])

    @property
    def too_little(self) -> int | None:
        """A price that a charge may have and that shares and fees exceed: the least, for the fixed fee, or the most,
        where no rounding hides it.
        """
        for price in price_range(self.service_code or ""):
            if part_of(price, self.operators_share) + part_of(price, self.fee) + self.fee_ore > price:
                return price
        return None

    def split(self, price: int) -> tuple[Line, ...]:
        """The lines of a charge of `price` øre. Shares are rounded half up; the merchant has what is left."""
        operators = part_of(price, self.operators_share)
        fee = part_of(price, self.fee) + self.fee_ore
        return lines_of(
            {
                LedgerAccount.STREX: price,
                LedgerAccount.OPERATORS: -operators,
                LedgerAccount.FEE: -fee,
                LedgerAccount.MERCHANT: -(price - operators - fee),
            }
        )


class TermsTable:
    """All rows. For every charge there is one."""

    def __init__(self, rows: Sequence[Terms]) -> None:
        """Raises `ValueError` when no row stands for everything that no other names, two say the same, one is for a
        service that cannot be charged, or one leaves the merchant less than nothing of a charge that may be made.
        """
        keys = [(row.valid_from, row.merchant_id, row.service_code, row.business_model) for row in rows]
        if len(set(keys)) != len(keys):
            raise ValueError("two rows of terms are for the same, from the same day on")
        if not any(_named(row) == 0 for row in rows):
            raise ValueError("no row of terms names neither merchant, service code nor business model")
        for row in rows:
            if row.service_code is not None and not can_be_charged(row.service_code):
                raise ValueError(f"the row of terms {row.name} is for a service that cannot be charged")
            if (price := row.too_little) is not None:
                raise ValueError(f"the row of terms {row.name} takes more than a charge of {price} øre")
        self._rows = sorted(rows, key=lambda row: (_named(row), row.valid_from), reverse=True)

    def at(self, day: Day, *, merchant_id: str, service_code: str, business_model: str | None) -> Terms:
        """The row for a charge of that day. Before the first day of all, the oldest row that names nothing."""
        asked = (merchant_id, service_code, business_model)
        for row in self._rows:
            named = (row.merchant_id, row.service_code, row.business_model)
            if row.valid_from.isoformat() <= day and all(
                name in (None, value) for name, value in zip(named, asked, strict=True)
            ):
                return row
        return self._rows[-1]


def part_of(ore: int, basis_points: int) -> int:
    """A part of an amount, rounded half away from zero: a reversal is the mirror of its charge."""
    return vat_of(Ore(ore), Decimal(basis_points) / 100)


def read_terms(path: Path = EXAMPLE) -> TermsTable:
    """From a TOML file like `terms.toml`. Raises `BadSettings`."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("terms")
        return TermsTable(msgspec.convert(rows, list[Terms]))
    except OSError as error:
        raise BadSettings("bad_settings", f"BUDSTIKKE_PREMIUM_TERMS: cannot be read ({error.strerror})") from None
    except (ValueError, msgspec.ValidationError) as error:
        raise BadSettings("bad_settings", f"BUDSTIKKE_PREMIUM_TERMS: {error}") from None


def _named(row: Terms) -> int:
    return sum(name is not None for name in (row.merchant_id, row.service_code, row.business_model))
