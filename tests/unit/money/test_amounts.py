from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money.amounts import Ore, crowns, line_total, two_decimals, vat_of
from shared.money.sharing import shares_of

AMOUNTS = st.integers(-(10**12), 10**12).map(Ore)
PRICES = st.decimals("0", "1000", places=4)


@pytest.mark.parametrize(
    ("quantity", "price", "ore"),
    [
        (2000, "0.51", 102000),
        (1234, "0.35", 43190),
        (1, "0.125", 13),
        (1, "0.485", 49),
        (-1, "0.125", -13),
        (0, "1", 0),
    ],
)
def test_a_line_is_rounded_once_and_half_up(quantity: int, price: str, ore: int) -> None:
    assert line_total(quantity, Decimal(price)) == ore


def test_vat_is_taken_on_the_sum_and_rounded_half_up() -> None:
    assert vat_of(Ore(182090), Decimal(25)) == 45523  # 455.225 crowns


@pytest.mark.parametrize(
    ("ore", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (182090, "1820.90"), (-100, "-1.00")]
)
def test_crowns_have_two_decimals(ore: int, text: str) -> None:
    assert crowns(Ore(ore)) == text


@given(st.integers(0, 10**7), PRICES)
def test_a_line_is_off_by_at_most_half_an_ore(quantity: int, price: Decimal) -> None:
    assert abs(line_total(quantity, price) - quantity * price * 100) <= Decimal("0.5")


@given(st.integers(0, 10**7), PRICES)
def test_what_is_taken_back_is_what_was_charged(quantity: int, price: Decimal) -> None:
    assert line_total(-quantity, price) == -line_total(quantity, price)


@given(AMOUNTS, st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
def test_shares_are_the_whole_and_fair_to_the_ore(amount: Ore, weights: list[int]) -> None:
    parts = shares_of(amount, weights)
    assert sum(parts) == amount
    assert all(
        abs(part * sum(weights) - amount * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True)
    )


@pytest.mark.parametrize("weights", [[], [0, 0], [-1, 2]])
def test_nothing_is_shared_among_nobody(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        shares_of(Ore(1), weights)


@pytest.mark.parametrize(
    ("given", "written"), [("0.4", "0.40"), ("49", "49.00"), ("0.51", "0.51"), ("0.4125", "0.4125"), ("-0.4", "-0.40")]
)
def test_a_unit_price_has_two_decimals_at_least(given: str, written: str) -> None:
    assert two_decimals(given) == written
