"""What the simulated Strex makes of a charge, and what it remembers of a subscriber."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import msgspec
import pytest

from shared.clock import ManualClock
from simulators.strex import wire
from simulators.strex.behaviour import Behaviour
from simulators.strex.course import Asked, Password, Standing, course, most, refusal
from simulators.strex.ledger import Ledger
from simulators.strex.profile import ORDINARY, Profile, Scenario
from simulators.strex.strex import Strex
from simulators.strex.transaction import WAITING, Kind, State, Transaction

ASKED = Asked(price=4200, service_code="06002")
NOVEMBER = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)
DECEMBER = datetime(2026, 11, 30, 23, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        (Password(right=True, expired=False, wrong_before=0), None),
        (Password(right=True, expired=False, wrong_before=2), None),
        (Password(right=False, expired=False, wrong_before=0), "OneTimePasswordFailed"),
        (Password(right=True, expired=True, wrong_before=0), "OneTimePasswordExpired"),
        (Password(right=True, expired=False, wrong_before=3), "MaxPinRetry"),
    ],
)
def test_a_code_is_good_in_time_and_for_three_tries(password: Password, code: str | None) -> None:
    assert refusal(ORDINARY, ASKED, Standing(password=password)) == code


def test_what_was_spent_in_the_month_counts() -> None:
    profile = Profile(limit_month=10_000)
    assert refusal(profile, ASKED, Standing(spent=5_800)) is None
    assert refusal(profile, ASKED, Standing(spent=5_801)) == "SubscriberLimitExceeded"


@pytest.mark.parametrize(
    ("limit", "spent", "code"),
    [(10_000, 5_800, None), (10_000, 5_801, "SubscriberLimitExceeded"), (None, 10_000_000, None)],
)
def test_what_was_spent_in_the_year_counts_where_there_is_a_limit(
    limit: int | None, spent: int, code: str | None
) -> None:
    assert refusal(Profile(limit_year=limit), ASKED, Standing(spent_in_year=spent)) == code


def charged(strex: Strex, **changes: object) -> Transaction:
    """Ask for a charge of 42 crowns."""
    wanted: dict[str, object] = {"transactionId": "id-1", "merchantId": "mer_test", "shortNumber": "2222"}
    wanted |= {
        "recipient": "+4799999999",
        "price": 42,
        "serviceCode": "06002",
        "invoiceText": "Bussbillett",
        "timeout": 10,
        **changes,
    }
    body = msgspec.json.encode(wanted)
    return strex.charge(wire.read(body, wire.StrexTransaction), body)


@pytest.mark.parametrize(
    ("lifetime", "seconds", "billed"),
    [({}, 120, True), ({}, 121, False), ({"timeToLive": 5}, 300, True), ({"timeToLive": 5}, 301, False)],
)
async def test_a_code_is_good_for_two_minutes_or_as_long_as_was_asked(
    lifetime: dict[str, int], seconds: int, billed: bool
) -> None:
    clock = ManualClock(NOVEMBER)
    strex = Strex(Behaviour(settle_ms=0), clock, Random(1))
    asked = {"transactionId": "id-1", "merchantId": "mer_test", "recipient": "+4799999999", "recurring": False}
    strex.password(wire.read(msgspec.json.encode(asked | lifetime), wire.OneTimePassword))
    clock.advance(seconds)
    charged(strex, oneTimePassword="1234")
    found = await strex.find("id-1")
    await strex.stop(1.0)
    assert (found.state.detailed, found.state.billed) == (
        ("Delivered", True) if billed else ("OneTimePasswordExpired", False)
    )


async def test_money_moves_once_however_often_a_charge_turns() -> None:
    strex = Strex(Behaviour(), ManualClock(NOVEMBER), Random(1))
    charge = charged(strex)
    for billed in (True, None, True, False, True):
        strex.turn(charge.id, State(status="Ok", detailed="Delivered", billed=billed))
    totals = strex.ledger.totals()
    await strex.stop(1.0)
    assert (totals.charges, totals.charged) == (1, 4200)


def test_a_month_is_one_of_the_calendar_in_norway() -> None:
    ledger = Ledger()
    charge = Transaction(
        id="t",
        kind=Kind.TRANSACTION,
        recipient="+4798079008",
        created=NOVEMBER,
        modified=NOVEMBER,
        state=WAITING,
        operator="no.telia",
        price=4200,
    )
    ledger.move(charge, NOVEMBER)
    assert (ledger.spent("+4798079008", NOVEMBER), ledger.spent("+4798079008", DECEMBER)) == (4200, 0)
    assert ledger.spent_in_year("+4798079008", DECEMBER) == 4200
    assert ledger.spent_in_year("+4798079008", DECEMBER.replace(month=12, day=31)) == 0


def test_a_prepaid_balance_sinks_with_what_is_charged() -> None:
    ledger = Ledger()
    ledger.profiles["+4798079008"] = Profile(prepaid=True, balance=5_000)
    charge = Transaction(
        id="t",
        kind=Kind.TRANSACTION,
        recipient="+4798079008",
        created=NOVEMBER,
        modified=NOVEMBER,
        state=WAITING,
        operator="no.telia",
        price=4200,
    )
    ledger.move(charge, NOVEMBER)
    assert refusal(ledger.profile("+4798079008", None), ASKED, Standing()) == "InsufficientFunds"


@pytest.mark.parametrize(
    ("service_code", "ore"),
    [("04002", 50_000), ("16008", 50_000), ("16005", 100_000), ("06002", 100_000), ("89001", 0)],
)
def test_each_service_has_its_highest_price(service_code: str, ore: int) -> None:
    assert most(service_code) == ore


@pytest.mark.parametrize("scenario", list(Scenario))
def test_money_moves_at_most_once_in_every_course(scenario: Scenario) -> None:
    steps = course(Profile(scenario=scenario), ASKED, Standing(), Behaviour())
    assert [step.after for step in steps] == sorted(step.after for step in steps)
    assert sum(step.state.billed is True for step in steps) <= 1
