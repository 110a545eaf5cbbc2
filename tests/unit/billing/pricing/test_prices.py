from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.pricing.book import EXAMPLE, PriceBook, VatRate, read_prices
from services.billing.pricing.plans import Plan, PriceRow
from services.billing.pricing.tiers import Band, Mode, Tier, bands
from shared.errors import BadSettings
from shared.money.periods import Month

TIERS = (Tier(Decimal("0.51"), 2000), Tier(Decimal("0.45"), 10000), Tier(Decimal("0.35")))
COUNTS = st.integers(0, 30_000)


def priced(before: int, quantity: int, mode: Mode = Mode.GRADUATED) -> list[tuple[int, str]]:
    return [(band.quantity, str(band.price)) for band in bands(TIERS, mode, before, quantity)]


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (0, []),
        (1999, [(1999, "0.51")]),
        (2000, [(2000, "0.51")]),
        (2001, [(2000, "0.51"), (1, "0.45")]),
        (10001, [(2000, "0.51"), (8000, "0.45"), (1, "0.35")]),
    ],
)
def test_each_tier_prices_its_own_band(quantity: int, expected: list[tuple[int, str]]) -> None:
    assert priced(0, quantity) == expected


@pytest.mark.parametrize(("quantity", "price"), [(2000, "0.51"), (2001, "0.45"), (10000, "0.45"), (10001, "0.35")])
def test_by_volume_the_tier_reached_prices_all(quantity: int, price: str) -> None:
    assert priced(0, quantity, Mode.VOLUME) == [(quantity, price)]


def test_by_volume_a_month_may_become_cheaper_at_a_bound() -> None:
    def cost(quantity: int) -> Decimal:
        return sum((band.quantity * band.price for band in bands(TIERS, Mode.VOLUME, 0, quantity)), Decimal(0))

    assert cost(2001) < cost(2000)


@given(COUNTS, COUNTS, COUNTS)
def test_two_steps_cost_what_one_costs(before: int, first: int, second: int) -> None:
    def by_price(*found: list[Band]) -> Counter[Decimal]:
        return sum((Counter({band.price: band.quantity}) for step in found for band in step), Counter[Decimal]())

    def step(start: int, quantity: int) -> list[Band]:
        return bands(TIERS, Mode.GRADUATED, start, quantity)

    assert by_price(step(before, first), step(before + first, second)) == by_price(step(before, first + second))


@given(COUNTS, COUNTS, st.sampled_from(Mode))
def test_every_part_has_a_price(before: int, quantity: int, mode: Mode) -> None:
    assert sum(band.quantity for band in bands(TIERS, mode, before, quantity)) == quantity


def test_the_example_runs_from_51_to_35_and_holds_the_published_subscriptions() -> None:
    plan = read_prices(EXAMPLE).plan("standard")
    prices = [tier.price for tier in plan.row_at("NO", date(2026, 11, 1)).tiers]
    assert (prices[0], prices[-1]) == (Decimal("0.51"), Decimal("0.35"))
    published = {one.code: (str(one.monthly), str(one.set_up)) for one in plan.subscriptions}
    assert published["gateway"] == ("369", "250")
    assert published["browser"] == ("189", "0")
    assert published["customer-club"] == ("384", "449")


def test_a_text_may_have_the_blanks_that_keep_an_amount_together(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(EXAMPLE.read_text().replace("SMS, Norge", "SMS,\u00a0Norge,\u202fover\u20091\u00a0000"))
    assert read_prices(path).plan("standard").row("sms-norway-2026").text.startswith("SMS,\u00a0Norge")


def test_a_row_holds_from_its_day_until_the_next() -> None:
    tiers = (Tier(Decimal(1)),)
    old = PriceRow(row_id="old", text="SMS", country="NO", valid_from=date(2026, 1, 1), tiers=tiers)
    new = PriceRow(
        row_id="new", text="SMS", country="NO", valid_from=date(2027, 1, 1), noticed_on=date(2026, 12, 1), tiers=tiers
    )
    other = PriceRow(row_id="other", text="SMS", valid_from=date(2026, 1, 1), tiers=tiers)
    plan = Plan(plan_id="p", rows=(new, old, other))
    days = [date(2025, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [plan.row_at("NO", day).row_id for day in days] == ["old", "old", "new"]
    assert plan.row_at("SE", days[0]).row_id == "other"


def test_before_the_first_row_of_a_country_that_for_all_holds() -> None:
    tiers = (Tier(Decimal(1)),)
    rows = (
        PriceRow(row_id="all", text="SMS", valid_from=date(2026, 1, 1), tiers=tiers),
        PriceRow(
            row_id="se", text="SMS", country="SE", valid_from=date(2027, 3, 1), noticed_on=date(2027, 2, 1), tiers=tiers
        ),
    )
    plan = Plan(plan_id="p", rows=rows)
    days = [date(2025, 1, 1), date(2026, 1, 1), date(2027, 2, 28), date(2027, 3, 1)]
    assert [plan.row_at("SE", day).row_id for day in days] == ["all", "all", "all", "se"]


def test_the_rate_of_vat_is_that_of_the_month() -> None:
    book = PriceBook(
        plans=(), vat=(VatRate(date(2005, 1, 1), Decimal(25), "x"), VatRate(date(2028, 1, 1), Decimal(26), "x"))
    )
    assert [book.vat_in(Month(month)) for month in ("2005-01", "2027-12", "2028-01")] == [25, 25, 26]
    with pytest.raises(LookupError, match="2004-12"):
        book.vat_in(Month("2004-12"))


ROW = """
[[plans.rows]]
row_id = "next"
text = "SMS"
country = "{country}"
valid_from = 2027-03-01
noticed_on = {noticed}
tiers = [{{ price = "0.60" }}]
"""

VAT = """
[[vat]]
valid_from = 2005-01-01
rate = "15"
source = "another"
"""
SAME_DAY = """
[[plans.rows]]
row_id = "same-day"
text = "SMS"
country = "NO"
valid_from = 2026-01-01
noticed_on = 2025-11-01
tiers = [{ price = "0.60" }]
"""
SUBSCRIPTION = """
[[plans.subscriptions]]
code = "gateway"
text = "Gateway API"
valid_from = 2027-03-01
monthly = "399"
set_up = "250"
"""
OTHER_PLAN = """
[[plans]]
plan_id = "other"

[[plans.rows]]
row_id = "sms-norway-2026"
text = "SMS"
valid_from = 2026-01-01
tiers = [{ price = "0.60" }]

"""


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('{ price = "0.35" }', '{ up_to = 60000, price = "0.35" }', "no other, is without up_to"),
        ("up_to = 10000", "up_to = 2000", "rise"),
        ('price = "0.51"', 'price = "-0.51"', "from 0 to"),
        ('price = "0.51"', 'price = "NaN"', "from 0 to"),
        ('price = "0.51"', 'price = "0.5112345"', "six decimals"),
        ('monthly = "369"', 'monthly = "-1"', "from 0 to"),
        ('set_up = "250"', 'set_up = "-250"', "subscription gateway: set_up: "),
        ('rate = "25"', 'rate = "-25"', "vat 2005-01-01: rate: "),
        ('rate = "25"', 'rate = "NaN"', "vat 2005-01-01: rate: "),
        ("[[plans]]", VAT + "[[plans]]", "vat 2005-01-01: valid_from: "),
        ("valid_from = 2005-01-01", "valid_from = 2005-01-15", "vat 2005-01-15: valid_from: the first day of a month"),
        ('rate = "25"', 'rate = "125"', "vat 2005-01-01: rate: "),
        ('rate = "25"', 'rate = "0"', "vat 2005-01-01: rate: above 0"),
        ('text = "SMS, Norge"', 'text = " "', "row sms-norway-2026: text: "),
        ('text = "SMS, Norge"', 'text = "SMS\\u0007"', "row sms-norway-2026: text: "),
        ('text = "Gateway API"', 'text = "a\\nb"', "subscription gateway: text: "),
        ("up_to = 10000", "up_to = 1000", "row sms-norway-2026: tiers: "),
        ("up_to = 2000,", "up_to = 0,", "up_to"),
        ('code = "browser-club"', 'code = "browser"', "subscription browser: valid_from: two prices begin on 2026"),
        ("[[plans.subscriptions]]", SAME_DAY + "[[plans.subscriptions]]", "row same-day: valid_from: another row"),
        ("[[plans]]", OTHER_PLAN + "[[plans]]", "row sms-norway-2026: row_id: two plans"),
        ('plan_id = "standard"', 'plan_id = "standard"\ncolour = "red"', "unknown field"),
        ('plan_id = "standard"', "plan_id = ", "Invalid value"),
        ('row_id = "sms-abroad-2026"\n', 'row_id = "sms-norway-2026"\n', "same row_id"),
        ('text = "SMS, utlandet"\n', 'text = "SMS, utlandet"\ncountry = "SE"\n', "all countries that have none"),
        (
            "[[plans.subscriptions]]\ncode",
            ROW.format(country="NO", noticed="2027-02-02") + "[[plans.subscriptions]]\ncode",
            "month",
        ),
        (
            "[[plans.subscriptions]]\ncode",
            ROW.format(country="NO", noticed="2027-01-01").replace("noticed_on = 2027-01-01\n", "")
            + "[[plans.subscriptions]]\ncode",
            "row next: noticed_on: a change of price has one",
        ),
        (
            "[[plans.subscriptions]]\ncode",
            ROW.format(country="SE", noticed="2027-01-01").replace("noticed_on = 2027-01-01\n", "")
            + "[[plans.subscriptions]]\ncode",
            "row next: noticed_on: a change of price has one",
        ),
    ],
)
def test_a_bad_file_is_refused_whole(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = EXAMPLE.read_text()
    assert old in text
    path = tmp_path / "prices.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BadSettings, match=fault):
        read_prices(path)


@pytest.mark.parametrize(
    ("country", "noticed", "fault"),
    [
        ("NO", "2027-02-01", None),
        ("NO", "2027-01-31", None),
        ("NO", "2027-02-02", "less than a month after noticed_on"),
        (None, "2027-02-28", None),
        (None, "2027-03-01", "less than a day after noticed_on"),
        ("SE", "2027-02-28", None),
        ("SE", "2027-03-01", "less than a day after noticed_on"),
    ],
)
def test_a_price_is_noticed_a_month_before_at_home_and_a_day_abroad(
    tmp_path: Path, country: str | None, noticed: str, fault: str | None
) -> None:
    path = tmp_path / "prices.toml"
    row = ROW.format(country=country, noticed=noticed).replace('country = "None"\n', "")
    path.write_text(EXAMPLE.read_text().replace("[[plans.subscriptions]]", row + "\n[[plans.subscriptions]]", 1))
    if fault is None:
        assert read_prices(path).plan("standard").row_at(country or "SE", date(2027, 3, 1)).row_id == "next"
    else:
        with pytest.raises(BadSettings, match=fault):
            read_prices(path)


@pytest.mark.parametrize(
    ("code", "noticed", "fault"),
    [
        ("gateway", "2027-02-01", None),
        ("gateway", "2027-02-02", "valid_from: less than a month"),
        ("gateway", None, "noticed_on"),
        ("lookup", "2027-02-28", None),
        ("lookup", "2027-03-01", "valid_from: less than a day"),
        ("lookup", None, "noticed_on"),
    ],
)
def test_a_main_product_is_noticed_a_month_before_and_an_add_on_a_day(
    tmp_path: Path, code: str, noticed: str | None, fault: str | None
) -> None:
    path = tmp_path / "prices.toml"
    line = "" if noticed is None else f"noticed_on = {noticed}\n"
    kind = "" if code == "gateway" else "add_on = true\n"
    path.write_text(EXAMPLE.read_text() + SUBSCRIPTION.replace('"gateway"', f'"{code}"') + kind + line)
    if fault is None:
        plan = read_prices(path).plan("standard")
        days = (date(2027, 2, 28), date(2027, 3, 1))
        old = {"gateway": 369, "lookup": 0}[code]
        assert [plan.subscription_at(code, day).monthly for day in days] == [old, 399]
    else:
        with pytest.raises(BadSettings, match=f"subscription {code}: {fault}"):
            read_prices(path)


def test_in_the_example_what_comes_beside_a_main_product_is_an_add_on() -> None:
    plan = read_prices(EXAMPLE).plan("standard")
    assert [one.code for one in plan.subscriptions if one.add_on] == ["lookup", "staff-send-out", "customer-club"]


@pytest.mark.parametrize(("begins", "fault"), [("2027-06-01", True), ("2027-03-01", False), ("2027-02-01", False)])
def test_until_a_row_for_messages_at_home_begins_that_for_all_is_noticed_a_month_before(
    tmp_path: Path, begins: str, *, fault: bool
) -> None:
    path = tmp_path / "prices.toml"
    row = ROW.format(country="", noticed="2027-02-28").replace('country = ""\n', "")
    home = ROW.format(country="NO", noticed="2026-11-01").replace("2027-03-01", begins).replace('"next"', '"home"')
    everywhere = EXAMPLE.read_text().replace('country = "NO"', 'country = "SE"')
    path.write_text(everywhere.replace("[[plans.subscriptions]]", f"{row}{home}\n[[plans.subscriptions]]", 1))
    with pytest.raises(BadSettings, match="row next: valid_from: less than a month") if fault else nullcontext():
        read_prices(path)


def test_where_no_other_row_is_for_messages_at_home_that_for_all_is_noticed_a_month_before(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    row = ROW.format(country="", noticed="2027-02-28").replace('country = ""\n', "")
    everywhere = EXAMPLE.read_text().replace('country = "NO"', 'country = "SE"')
    path.write_text(everywhere.replace("[[plans.subscriptions]]", row + "\n[[plans.subscriptions]]", 1))
    with pytest.raises(BadSettings, match="row next: valid_from: less than a month"):
        read_prices(path)


@pytest.mark.parametrize(("day", "refused"), [("2026-12-31", False), ("2027-01-01", True)])
@pytest.mark.parametrize(
    "change",
    [
        SUBSCRIPTION,
        ROW.format(country="SE", noticed="x").replace("noticed_on = x\n", ""),
        ROW.format(country="", noticed="2026-12-30").replace('country = ""\n', ""),
    ],
    ids=["a subscription", "the first row of a country", "a row for all, at home too"],
)
def test_what_changed_before_2027_loads_with_the_notices_that_were_asked_for_then(
    tmp_path: Path, change: str, day: str, *, refused: bool
) -> None:
    path = tmp_path / "prices.toml"
    rows, subscriptions = EXAMPLE.read_text().replace('country = "NO"', 'country = "DK"').split("[[plans.subs", 1)
    path.write_text(rows + change.replace("2027-03-01", day) + "\n[[plans.subs" + subscriptions)
    with pytest.raises(BadSettings, match=r"noticed_on|less than a month") if refused else nullcontext():
        read_prices(path)


@pytest.mark.parametrize(("noticed", "fault"), [("2026-12-01", "less than a month"), (None, "noticed_on")])
def test_what_changed_messages_at_home_before_2027_was_noticed_a_month_before_already(
    tmp_path: Path, noticed: str | None, fault: str
) -> None:
    path = tmp_path / "prices.toml"
    line = "" if noticed is None else f"noticed_on = {noticed}\n"
    row = ROW.format(country="NO", noticed="x").replace("noticed_on = x\n", line).replace("2027-03-01", "2026-12-31")
    path.write_text(EXAMPLE.read_text().replace("[[plans.subscriptions]]", row + "\n[[plans.subscriptions]]", 1))
    with pytest.raises(BadSettings, match=f"row next: .*{fault}"):
        read_prices(path)


def test_a_file_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="BUDSTIKKE_PRICES: cannot be read"):
        read_prices(tmp_path / "none.toml")
