"""`keywords`, `inbound` and `opt-outs`: what is asked of the gateway, and what people see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.gateway import Answer, FakeGateway

KEYWORD = {"id": "kw_1", "number": "2002", "keyword": "blomst", "state": "active", "reply": "Takk!", "premium": None}
CHARGED = KEYWORD | {"id": "kw_2", "keyword": "tips", "premium": {"price": 500}}
MESSAGE = {
    "id": "2f7b",
    "to": "2002",
    "from": "+4790000001",
    "text": "BLOMST\x1b[31m",
    "received_at": "2026-11-23T08:00:00Z",
    "action": "reply",
    "keyword": "blomst",
}
OPT_OUT = {"id": "oo_1", "to": "+4790000001", "from": None, "source": "keyword", "at": "2026-11-23T08:00:00Z"}
PREMIUM = "--price 500 --service 14002 --merchant mer_1 --invoice-text Tips"

Start = Callable[..., FakeGateway]


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(body))


@pytest.mark.parametrize(
    ("arguments", "given", "method", "path", "body"),
    [
        ("keywords list", {"keywords": [KEYWORD]}, "GET", "/v1/keywords", None),
        (
            "keywords create --number 2002 --keyword BLOMST --reply Takk!",
            KEYWORD,
            "POST",
            "/v1/keywords",
            {"number": "2002", "keyword": "BLOMST", "webhook": True, "reply": "Takk!"},
        ),
        (
            f"keywords create --number 2002 --keyword TIPS --reply 7 {PREMIUM} --no-webhook",
            CHARGED,
            "POST",
            "/v1/keywords",
            {
                "number": "2002",
                "keyword": "TIPS",
                "webhook": False,
                "reply": "7",
                "premium": {"price": 500, "service_code": "14002", "merchant_id": "mer_1", "invoice_text": "Tips"},
            },
        ),
        ("keywords delete ../kw", {}, "DELETE", "/v1/keywords/..%2Fkw", None),
        ("inbound list --limit 7", {"messages": [MESSAGE]}, "GET", "/v1/inbound?limit=7", None),
        ("opt-outs list", {"opt_outs": [OPT_OUT]}, "GET", "/v1/opt-outs?limit=100", None),
        ("opt-outs add --to 90000001", OPT_OUT, "POST", "/v1/opt-outs", {"to": "90000001"}),
        (
            "opt-outs add --to 90000001 --from Skolen",
            OPT_OUT,
            "POST",
            "/v1/opt-outs",
            {"to": "90000001", "from": "Skolen"},
        ),
        ("opt-outs remove oo_1", {}, "DELETE", "/v1/opt-outs/oo_1", None),
    ],
)
def test_what_is_asked(
    budstikke: Run, gateway: Start, arguments: str, given: object, method: str, path: str, body: dict[str, Any] | None
) -> None:
    fake = gateway(answer(given))

    assert budstikke(*arguments.split()).exit_code == 0

    (asked,) = fake.asked
    assert (asked.method, asked.path) == (method, path)
    assert asked.body == body


def test_a_list_of_messages_is_a_table_without_control_characters(budstikke: Run, gateway: Start) -> None:
    gateway(answer({"messages": [MESSAGE]}))
    shown = budstikke("inbound", "list").stdout
    assert "+4790000001" in shown
    assert "\x1b" not in shown


def test_a_price_is_shown_in_crowns(budstikke: Run, gateway: Start) -> None:
    gateway(answer({"keywords": [KEYWORD, CHARGED]}))
    _, free, charged = budstikke("keywords", "list").stdout.splitlines()
    assert (free.split()[4], charged.split()[4]) == ("-", "5.00")


def test_a_price_without_the_rest_is_a_wrong_use(budstikke: Run, gateway: Start) -> None:
    fake = gateway(answer(KEYWORD))
    assert budstikke("keywords", "create", "--number", "2002", "--keyword", "a", "--price", "500").exit_code == 2
    assert not fake.asked
