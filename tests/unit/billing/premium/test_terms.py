from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.premium.chart import LedgerAccount
from services.billing.premium.terms import Terms, TermsTable, part_of, read_terms
from shared.errors import BadSettings
from shared.money.periods import Day

ANY = Terms(valid_from=date(2020, 1, 1), operators_share=4000, fee=500, vat=2500, source="a")
NEWER = Terms(valid_from=date(2026, 7, 1), operators_share=3900, fee=500, vat=2500, source="b")
GIFTS = Terms(valid_from=date(2020, 1, 1), operators_share=1000, fee=0, vat=2500, source="c", service_code="14002")
MINE = Terms(
    valid_from=date(2026, 1, 1), operators_share=900, fee=0, vat=2500, source="d", service_code="14002", merchant_id="m"
)
TABLE = TermsTable([ANY, NEWER, GIFTS, MINE])


@pytest.mark.parametrize(
    ("day", "merchant", "service", "expected"),
    [
        ("2026-06-30", "m", "06002", ANY),
        ("2026-07-01", "m", "06002", NEWER),
        ("2026-07-01", "other", "14002", GIFTS),
        ("2026-07-01", "m", "14002", MINE),
        ("2025-12-31", "m", "14002", GIFTS),
        ("2019-12-31", "m", "06002", ANY),
    ],
)
def test_the_row_that_names_most_applies_and_of_those_the_newest(
    day: str, merchant: str, service: str, expected: Terms
) -> None:
    assert TABLE.at(Day(day), merchant_id=merchant, service_code=service, business_model=None) is expected


def test_a_table_needs_a_row_for_everything_and_no_row_twice() -> None:
    for rows in ([GIFTS], [ANY, ANY]):
        with pytest.raises(ValueError, match="row"):
            TermsTable(rows)


@pytest.mark.parametrize(
    ("shares", "price"),
    [
        ({"operators_share": 9501}, 100_000),
        ({"operators_share": 9500}, None),
        ({"fee": 6001}, 100_000),
        ({"fee_ore": 56}, 100),
        ({"fee_ore": 55}, None),
    ],
)
def test_a_row_that_takes_more_than_a_charge_may_cost_is_refused_by_name(
    shares: dict[str, int], price: int | None
) -> None:
    row = msgspec.structs.replace(ANY, merchant_id="mer_x", **shares)
    if price is None:
        TermsTable([ANY, row])
        return
    with pytest.raises(ValueError, match=f"terms for mer_x from 2020-01-01 takes more than a charge of {price} øre"):
        TermsTable([ANY, row])


@pytest.mark.parametrize("code", ["89001", "99999", "6002"])
def test_a_row_for_a_service_that_cannot_be_charged_is_refused_by_name(code: str) -> None:
    row = msgspec.structs.replace(ANY, service_code=code)
    with pytest.raises(ValueError, match=f"terms for {code} from 2020-01-01 is for a service that cannot be charged"):
        TermsTable([ANY, row])


@given(st.integers(1, 10_000_000), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_every_split_sums_to_zero_and_books_the_whole_price(price: int, share: int, fee: int, extra: int) -> None:
    row = Terms(valid_from=date(2020, 1, 1), operators_share=share, fee=fee, vat=2500, source="x", fee_ore=extra)
    lines = row.split(price)
    assert sum(line.ore for line in lines) == 0
    assert [line.ore for line in lines if line.account is LedgerAccount.STREX] == [price]


@pytest.mark.parametrize(
    ("ore", "part", "expected"), [(101, 5000, 51), (-101, 5000, -51), (99, 5000, 50), (45523, 2500, 11381)]
)
def test_a_part_is_rounded_half_away_from_zero(ore: int, part: int, expected: int) -> None:
    assert part_of(ore, part) == expected


def test_the_example_has_shares_for_gifts() -> None:
    row = read_terms().at(Day("2026-10-12"), merchant_id="m", service_code="14002", business_model=None)
    assert row.operators_share < 4000


@pytest.mark.parametrize(
    "text", ["", "terms = 1", "[[terms]]\nvalid_from = 2020-01-01", "not toml", "[[terms]]\nunknown = 1"]
)
def test_terms_that_cannot_be_used_name_the_setting(tmp_path: Path, text: str) -> None:
    path = tmp_path / "terms.toml"
    path.write_text(text)
    with pytest.raises(BadSettings, match="BUDSTIKKE_PREMIUM_TERMS"):
        read_terms(path)


def test_terms_that_are_not_there_name_the_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="BUDSTIKKE_PREMIUM_TERMS"):
        read_terms(tmp_path / "none.toml")
