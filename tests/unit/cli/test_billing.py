"""`billing`: what is asked of the gateway, by whom, and what finance sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cli import settings
from tests.unit.cli.conftest import Run
from tests.unit.cli.gateway import Answer, FakeGateway, problem

Start = Callable[..., FakeGateway]

FIGURES = {
    "bookings": 1,
    "messages": 12,
    "parts": 12,
    "invoices": 1,
    "net": 612,
    "vat": 153,
    "total": 765,
}
ASKED = {"period": "2026-10", "state": "requested", "early": False, "faults": [], "figures": None}
CLOSED = ASKED | {"state": "closed", "figures": FIGURES}
REFUSED = ASKED | {"state": "refused", "faults": ["customer nordvik: there is no plan gold"]}
CUSTOMER = {
    "customer_id": "nordvik",
    "name": "Nordvik kommune",
    "organisation_number": "984066910",
    "plan": "standard",
    "accounts": ["skole", "bibliotek"],
}
LINE = {"line": 1, "kind": "usage", "text": "SMS, Norge", "quantity": 12, "unit_price": "0.51", "net": 612}
INVOICE = {
    "number": 100001,
    "customer": "nordvik",
    "period": "2026-10",
    "issued_on": "2026-11-01",
    "due_on": "2026-11-11",
    "net": 612,
    "vat": 153,
    "total": 765,
    "kid": "000001000017",
    "lines": [LINE],
}

WAITS = {"account": "fyr", "month": "2026-10", "messages": 7, "parts": 14, "customer": None}


@pytest.fixture(autouse=True)
def staff_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.STAFF_KEY, "bsk_staff_test")


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(body))


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_close_is_followed_to_its_end(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer(ASKED, 202), answer(ASKED), answer(CLOSED))
    result = budstikke("billing", "close", "2026-10", "--leave", "prøve")
    assert result.exit_code == 0
    assert [(asked.method, asked.path) for asked in fake.asked] == [
        ("POST", "/admin/books/periods/2026-10/close"),
        ("GET", "/admin/books/periods/2026-10"),
        ("GET", "/admin/books/periods/2026-10"),
    ]
    assert fake.asked[0].body == {"early": False, "leave": ["prøve"]}
    assert {asked.authorization for asked in fake.asked} == {"Bearer bsk_staff_test"}
    assert table(result.output)[1] == ["2026-10", "closed", "12", "12", "1", "6.12", "1.53", "7.65"]


def test_without_waiting_a_close_is_only_asked_for(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer(ASKED, 202))
    result = budstikke("billing", "close", "2026-10", "--early", "--no-wait")
    assert (result.exit_code, len(fake.asked)) == (0, 1)
    assert fake.asked[0].body == {"early": True, "leave": []}


def test_a_close_that_is_refused_says_why(gateway: Start, budstikke: Run) -> None:
    gateway(answer(ASKED, 202), answer(REFUSED))
    result = budstikke("billing", "close", "2026-10")
    assert result.exit_code == 1
    assert "2026-10: customer nordvik: there is no plan gold" in result.output


def test_a_close_that_takes_too_long_is_not_waited_for(gateway: Start, budstikke: Run) -> None:
    gateway(answer(ASKED))
    result = budstikke("billing", "close", "2026-10", "--for", "0.1")
    assert result.exit_code == 5
    assert "requested after 0.1 s" in result.output


def test_what_the_gateway_refuses_is_told(gateway: Start, budstikke: Run) -> None:
    gateway(problem(409, "period_not_over", "Period not over"))
    result = budstikke("billing", "close", "2026-11")
    assert result.exit_code == 1
    assert "period_not_over" in result.output


def test_a_customers_record_is_read_from_standard_input(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer(CUSTOMER))
    record: dict[str, Any] = {"name": "Nordvik kommune", "plan": "standard"}
    result = budstikke("billing", "set-customer", "nordvik", stdin=msgspec.json.encode(record))
    assert result.exit_code == 0
    assert (fake.asked[0].path, fake.asked[0].body) == ("/admin/books/customers/nordvik", record)
    assert "skole, bibliotek" in result.output


def test_a_record_that_is_no_json_is_not_sent(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer(CUSTOMER))
    assert budstikke("billing", "set-customer", "nordvik", stdin="{").exit_code == 2
    assert not fake.asked


@pytest.mark.parametrize(
    ("command", "path", "body", "shown"),
    [
        (("months",), "periods", {"periods": [CLOSED, REFUSED]}, "2026-10  closed"),
        (("customers",), "customers", {"customers": [CUSTOMER]}, "984066910"),
        (("invoices",), "invoices", {"invoices": [INVOICE]}, "000001000017"),
        (("invoices", "--month", "2026-10"), "invoices?period=2026-10", {"invoices": [INVOICE]}, "7.65"),
        (("waiting",), "waiting", {"waiting": [WAITS]}, "fyr"),
        (("invoice", "100001"), "invoices/100001", INVOICE, "SMS, Norge"),
    ],
)
def test_what_is_on_record_is_shown(
    gateway: Start, budstikke: Run, command: tuple[str, ...], path: str, body: object, shown: str
) -> None:
    fake = gateway(answer(body))
    result = budstikke("billing", *command)
    assert (result.exit_code, fake.asked[0].path) == (0, f"/admin/books/{path}")
    assert shown in result.output
    assert msgspec.json.decode(budstikke("billing", *command, "--json").output) == body


def test_each_price_of_an_invoice_has_two_decimals(gateway: Start, budstikke: Run) -> None:
    gateway(answer(INVOICE | {"lines": [LINE | {"unit_price": "0.4", "net": 480}]}))
    *_, line = budstikke("billing", "invoice", "100001").output.splitlines()
    assert line.split()[-2:] == ["0.40", "4.80"]


def test_a_document_is_printed_to_the_octet(gateway: Start, budstikke: Run) -> None:
    document = '<?xml version="1.0"?>\n<Invoice>\n  æøå\n</Invoice>\n'.encode()
    fake = gateway(Answer(200, document))
    result = budstikke("billing", "document", "100001")
    assert result.stdout_bytes == document
    assert fake.asked[0].path == "/admin/books/invoices/100001/ehf"


def test_a_list_is_read_to_its_end(gateway: Start, budstikke: Run) -> None:
    pages = [{"invoices": [INVOICE | {"number": number}], "cursor": f"c{number}"} for number in (100001, 100002)]
    fake = gateway(*map(answer, pages), answer({"invoices": [INVOICE | {"number": 100003}], "cursor": None}))
    result = budstikke("billing", "invoices", "--month", "2026-10")
    assert [asked.path.partition("?")[2] for asked in fake.asked] == [
        "period=2026-10",
        "period=2026-10&cursor=c100001",
        "period=2026-10&cursor=c100002",
    ]
    assert all(str(number) in result.output for number in (100001, 100002, 100003))


@pytest.mark.parametrize("waiting", [[], [WAITS]])
def test_usage_of_no_customer_is_written_off_with_a_reason(
    gateway: Start, budstikke: Run, waiting: list[dict[str, Any]]
) -> None:
    fake = gateway(answer({"waiting": waiting}), answer({"messages": 7, "parts": 14}))
    result = budstikke("billing", "write-off", "fyr", "2026-10", "--reason", "our own trials")
    assert (result.exit_code, result.output.strip()) == (0, "14 parts of 7 messages are written off")
    assert (fake.asked[1].path, fake.asked[1].body) == (
        "/admin/books/waiting/fyr/2026-10/write-off",
        {"reason": "our own trials"},
    )
    assert budstikke("billing", "write-off", "fyr", "2026-10").exit_code == 2
    assert len(fake.asked) == 2


def test_usage_of_a_customer_is_written_off_only_by_who_means_it(gateway: Start, budstikke: Run) -> None:
    others = [WAITS, WAITS | {"month": "2026-09", "customer": "nordvik"}]
    fake = gateway(
        answer({"waiting": others, "cursor": "c"}),
        answer({"waiting": [WAITS | {"account": "skole", "customer": "nordvik"}]}),
        answer({"messages": 7, "parts": 14}),
    )
    command = ("billing", "write-off", "skole", "2026-10", "--reason", "goodwill")
    result = budstikke(*command)
    assert (result.exit_code, len(fake.asked)) == (2, 2)
    assert "skole is an account of nordvik, whom the next close would charge for it" in " ".join(result.output.split())
    assert budstikke(*command, "--yes").exit_code == 0
    assert fake.asked[2].path == "/admin/books/waiting/skole/2026-10/write-off"
