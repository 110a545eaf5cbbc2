"""`premium`: what is asked of the gateway, by whom, and what finance sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cli import settings
from tests.unit.cli.conftest import Run
from tests.unit.cli.gateway import Answer, FakeGateway, problem

Start = Callable[..., FakeGateway]

ID = "4f0c7d9e-52ab-8d31-9c6e-7b1f0a2e6004"
LEG = {"status": "ok", "billed": "true", "ordered_at": "2026-10-12T09:30:00Z", "detail": "Delivered"}
TRANSACTION = {
    "id": ID,
    "account_id": "demo",
    "merchant_id": "mer_test",
    "short_number": "2002",
    "service_code": "06002",
    "price": 4200,
    "standing": "billed",
    "charge": LEG,
    "reversal": None,
}
BOOKED = {
    "transaction": TRANSACTION,
    "entries": [
        {
            "id": f"{ID}:charge",
            "kind": "charge",
            "day": "2026-10-12",
            "month": "2026-10",
            "lines": [{"account": "strex.receivable", "ore": 4200}, {"account": "merchant.payable", "ore": -4200}],
        }
    ],
}
REFUNDS = {"refunds": [{"id": f"rf_{ID}", "transaction_id": ID, "price": 4200, "state": "requested",
                        "user_paid_by": "2027-01-12"}]}  # fmt: skip
STATEMENT = {
    "account_id": "demo",
    "merchant_id": "mer_test",
    "month": "2026-10",
    "gross_ore": 42000,
    "operators_ore": 16800,
    "fee_ore": 2100,
    "vat_ore": 525,
    "net_ore": 22575,
    "open": {"count": 1, "ore": 4200},
}
MONTH = {"month": "2026-10", "settlement": {"expected_ore": 25200}, "statements": [STATEMENT], "payouts": []}
PAID = MONTH | {
    "settlement": {"expected_ore": 25200, "received_on": "2026-11-20", "received_ore": 25000},
    "payouts": [
        {
            "account_id": "demo",
            "month": "2026-10",
            "brought_forward_ore": 0,
            "net_ore": 22575,
            "paid_ore": 22575,
            "carried_ore": 0,
            "pay_on": "2026-12-15",
        }
    ],
}
CLEAN = {
    "day": "2026-10-12",
    "matched": 2,
    "matched_ore": 8400,
    "ours_ore": 8400,
    "theirs_ore": 8400,
    "open": 0,
    "passed_over": 3,
    "findings": [],
    "unreadable": [],
}
DIFFERENT = CLEAN | {
    "findings": [{"transaction_id": ID, "difference": "missing_there", "ours": {"price": 4200, "billed": "true"}}],
    "unreadable": [{"row": 7, "column": "Price"}],
}


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(body))


@pytest.fixture(autouse=True)
def staff_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.STAFF_KEY, "bsk_staff_of_the_environment")


@pytest.mark.parametrize(
    ("arguments", "given", "asked", "body"),
    [
        (["transactions"], {"transactions": [TRANSACTION]}, "GET /admin/books/premium/transactions?limit=200", None),
        (
            ["transactions", "--account", "demo", "--standing", "open", "--standing", "disputed"],
            {"transactions": []},
            "GET /admin/books/premium/transactions?limit=200&account=demo&standing=open%2Cdisputed",
            None,
        ),
        (["show", ID], BOOKED, f"GET /admin/books/premium/transactions/{ID}", None),
        (["settle", "2026-10"], MONTH, "POST /admin/books/premium/months/2026-10/close", None),
        (["statement", "2026-10"], MONTH, "GET /admin/books/premium/months/2026-10", None),
        (["reconcile", "2026-10-12"], {"report": CLEAN}, "POST /admin/books/premium/days/2026-10-12/reconcile", None),
    ],
)
def test_finance_asks_with_a_staff_key(
    gateway: Start, budstikke: Run, arguments: list[str], given: Any, asked: str, body: Any
) -> None:
    fake = gateway(answer(given))
    done = budstikke("premium", *arguments)
    assert done.exit_code == 0, done.output
    (one,) = fake.asked
    assert (f"{one.method} {one.path}", one.body) == (asked, body)
    assert one.authorization == "Bearer bsk_staff_of_the_environment"


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ([ID, "--reason", "upheld_complaint"], {"transaction_id": ID, "reason": "upheld_complaint"}),
        (
            ["--to", "+4790000001", "--short-number", "2002", "--day", "2026-10-12"],
            {"to": "+4790000001", "short_number": "2002", "day": "2026-10-12"},
        ),
    ],
)
def test_a_refund_is_asked_for_by_the_seller_alone(
    gateway: Start, budstikke: Run, arguments: list[str], body: dict[str, str]
) -> None:
    fake = gateway(answer(REFUNDS, 201))
    done = budstikke("premium", "refund", *arguments)
    assert done.exit_code == 0, done.output
    assert "requested" in done.output
    (one,) = fake.asked
    assert (one.method, one.path, one.body) == ("POST", "/v1/premium/refunds", body)
    assert one.authorization == "Bearer bsk_test"


def test_a_refund_that_is_refused_says_why(gateway: Start, budstikke: Run) -> None:
    gateway(problem(409, "not_billed", "Not billed"))
    done = budstikke("premium", "refund", ID)
    assert done.exit_code == 1
    assert "not_billed" in done.output


def test_a_settled_month_is_closed_first_and_shows_what_was_short(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer(MONTH), answer(PAID))
    done = budstikke("premium", "settle", "2026-10", "--received", "2026-11-20", "--amount", "250.00", "--yes")
    assert done.exit_code == 0, done.output
    assert [one.path for one in fake.asked] == [
        "/admin/books/premium/months/2026-10/close",
        "/admin/books/premium/months/2026-10/receive",
    ]
    assert fake.asked[1].body == {"received_on": "2026-11-20", "amount": 25000}
    assert "Strex paid 250.00 on 2026-11-20, -2.00 beside what was expected" in done.output
    assert "225.75" in done.output
    assert "2026-12-15" in done.output


def test_a_sum_that_nobody_owes_is_booked_only_by_who_means_it(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer(MONTH))
    done = budstikke("premium", "settle", "2026-10", "--received", "2026-11-20", "--amount", "250.00")
    assert (done.exit_code, len(fake.asked)) == (2, 1)
    assert "Invalid value for --yes: Strex owes 252.00 for 2026-10, not 250.00; say that you mean it" in done.output


@pytest.mark.parametrize(("month", "amount"), [(MONTH, "252.00"), (PAID, "250.00"), (PAID, "251.00")])
def test_what_is_owed_and_what_is_on_record_already_is_asked_of_the_gateway(
    gateway: Start, budstikke: Run, month: dict[str, Any], amount: str
) -> None:
    fake = gateway(answer(month), answer(PAID))
    assert budstikke("premium", "settle", "2026-10", "--received", "2026-11-20", "--amount", amount).exit_code == 0
    assert fake.asked[1].path.endswith("/receive")


@pytest.mark.parametrize(
    "arguments",
    [["--received", "2026-11-20"], ["--amount", "250.00"], ["--received", "2026-11-20", "--amount", "250.5"]],
)
def test_half_of_a_settlement_is_wrong_usage(gateway: Start, budstikke: Run, arguments: list[str]) -> None:
    fake = gateway(answer(MONTH))
    assert budstikke("premium", "settle", "2026-10", *arguments).exit_code == 2
    assert fake.asked == []


def test_a_month_shows_each_share_and_what_is_open(gateway: Start, budstikke: Run) -> None:
    gateway(answer(MONTH))
    shown = budstikke("premium", "statement", "2026-10").output
    assert "demo     mer_test  420.00  168.00     21.00    5.25  225.75  1 of 42.00" in shown
    assert "Strex owes 252.00 for 2026-10: nothing is paid out before" in shown


def test_a_transaction_shows_its_lines(gateway: Start, budstikke: Run) -> None:
    gateway(answer(BOOKED))
    shown = budstikke("premium", "show", ID).output
    assert "strex.receivable  42.00" in shown
    assert "merchant.payable  -42.00" in shown


def test_a_day_that_differs_names_each_and_ends_with_a_code_of_its_own(gateway: Start, budstikke: Run) -> None:
    gateway(answer({"report": DIFFERENT}))
    done = budstikke("premium", "reconcile", "2026-10-12")
    assert done.exit_code == 6
    assert "missing_there  here 42.00 (true)  there -" in done.output
    assert "row 7" in done.output


def test_pages_are_followed(gateway: Start, budstikke: Run) -> None:
    fake = gateway(
        answer({"transactions": [TRANSACTION], "cursor": "abc"}), answer({"transactions": [], "cursor": None})
    )
    assert budstikke("premium", "transactions", "--json").exit_code == 0
    assert fake.asked[1].path.endswith("cursor=abc")
