from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.premium.bank_days import bank_day_from, easter, is_bank_day
from services.billing.premium.payout import Held, decide, pay_day, payout_entry
from shared.money.periods import Day, Month, moved
from tests.unit.billing.premium.building import ACCOUNT

OCTOBER = Month("2026-10")


@pytest.mark.parametrize(
    ("brought_forward", "net", "paid", "carried", "held"),
    [
        (0, 9_999, 0, 9_999, Held.UNDER_MINIMUM),
        (0, 10_000, 10_000, 0, None),
        (9_999, 1, 10_000, 0, None),
        (0, 0, 0, 0, Held.UNDER_MINIMUM),
        (0, -500, 0, -500, Held.DEBT),
        (-500, 10_499, 0, 9_999, Held.UNDER_MINIMUM),
        (-500, 10_500, 10_000, 0, None),
    ],
)
def test_under_a_hundred_crowns_waits_and_a_debt_is_set_off(
    brought_forward: int, net: int, paid: int, carried: int, held: Held | None
) -> None:
    payout = decide(ACCOUNT, OCTOBER, brought_forward=brought_forward, net=net, received_on=Day("2026-11-20"))
    assert (payout.paid_ore, payout.carried_ore, payout.held) == (paid, carried, held)
    assert (payout.pay_on is None) == (payout_entry(payout, OCTOBER) is None) == (paid == 0)


@given(st.lists(st.integers(-50_000, 50_000), max_size=30))
def test_what_was_ever_due_is_paid_or_carried(nets: list[int]) -> None:
    paid = carried = 0
    for number, net in enumerate(nets):
        payout = decide(
            ACCOUNT, moved(OCTOBER, number), brought_forward=carried, net=net, received_on=Day("2026-11-20")
        )
        paid, carried = paid + payout.paid_ore, payout.carried_ore
        assert payout.paid_ore == 0 or payout.paid_ore >= 10_000
    assert paid + carried == sum(nets)


@pytest.mark.parametrize(
    ("received_on", "pay_on"),
    [
        ("2026-11-20", "2026-12-15"),
        ("2026-12-31", "2027-01-15"),
        ("2026-10-01", "2026-11-16"),  # the 15th is a Sunday
        ("2027-04-30", "2027-05-18"),  # Saturday, Pentecost Sunday, Pentecost Monday that is 17 May too
    ],
)
def test_paid_is_in_the_month_after_the_settlement_on_a_bank_day(received_on: str, pay_on: str) -> None:
    assert pay_day(Day(received_on)) == pay_on


@pytest.mark.parametrize(
    "day", ["2026-04-02", "2026-04-03", "2026-04-06", "2026-05-14", "2026-05-25", "2026-12-24", "2026-12-31"]
)
def test_holidays_are_no_bank_days(day: str) -> None:
    assert not is_bank_day(date.fromisoformat(day))


def test_after_the_thirty_first_of_march_2026_come_the_first_and_the_seventh_of_april() -> None:
    assert bank_day_from(date(2026, 4, 1)) == date(2026, 4, 1)
    assert bank_day_from(date(2026, 4, 2)) == date(2026, 4, 7)


@pytest.mark.parametrize(
    ("year", "day"), [(2024, "2024-03-31"), (2025, "2025-04-20"), (2026, "2026-04-05"), (2038, "2038-04-25")]
)
def test_easter(year: int, day: str) -> None:
    assert easter(year) == date.fromisoformat(day)
