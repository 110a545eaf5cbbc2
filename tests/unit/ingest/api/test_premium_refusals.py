"""What is refused of both kinds of premium order, by the field, with nothing ordered and the idempotency key free."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.ingest.api.bodies import MOST_OCTETS
from tests.unit.ingest.api.door import Door
from tests.unit.ingest.api.test_premium import CHARGES, CONSENTED, KEYED, PASSWORDS, TERMS, fault

BOTH = pytest.mark.parametrize(("path", "body"), [(PASSWORDS, TERMS), (CHARGES, CONSENTED)])
GOOD = msgspec.json.encode(TERMS)


def nothing_ordered(door: Door) -> bool:
    return door.broker.records == [] and door.rows.rows == {}


@BOTH
@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"to": None}, "/to", "missing_field"),
        ({"price": None}, "/price", "missing_field"),
        ({"service_code": None}, "/service_code", "missing_field"),
        ({"invoice_text": None}, "/invoice_text", "missing_field"),
        ({"merchant_id": "mer_other"}, "/merchant_id", "unknown_field"),
        ({"to": "22225555"}, "/to", "not_a_mobile"),
        ({"to": "1"}, "/to", "invalid_number"),
        ({"to": "9" * 65}, "/to", "too_long"),
        ({"price": 99}, "/price", "out_of_range"),
        ({"price": 60_001}, "/price", "out_of_range"),
        ({"price": "4200"}, "/price", "wrong_type"),
        ({"age": 17}, "/age", "unknown_value"),
        ({"service_code": "6002"}, "/service_code", "wrong_type"),
        ({"short_number": "Kiosken"}, "/short_number", "wrong_type"),
        ({"invoice_text": ""}, "/invoice_text", "too_short"),
        ({"invoice_text": "x" * 101}, "/invoice_text", "too_long"),
        ({"invoice_text": "a\0b"}, "/invoice_text", "nul_in_text"),
        ({"text": ""}, "/text", "too_short"),
        ({"text": "a\0b"}, "/text", "nul_in_text"),
        ({"text": "x" * 460}, "/text", "too_long"),
        ({"reference": ""}, "/reference", "too_short"),
        ({"reference": "x" * 257}, "/reference", "too_long"),
    ],
)
async def test_what_is_wrong_with_an_order_is_refused_by_the_field(
    door: Door, path: str, body: dict[str, Any], change: dict[str, Any], pointer: str, code: str
) -> None:
    wrong = {name: value for name, value in {**body, **change}.items() if value is not None}
    answer = await door.post(wrong, path, headers=KEYED)
    assert fault(answer) == (422, "invalid_request", [(pointer, code)])
    assert nothing_ordered(door)


@pytest.mark.parametrize(("path", "body", "longest"), [(PASSWORDS, TERMS, 100), (CHARGES, CONSENTED, 459)])
async def test_a_text_is_as_long_as_its_kind_of_order_has_it(
    door: Door, path: str, body: dict[str, Any], longest: int
) -> None:
    over = await door.post({**body, "text": "x" * (longest + 1)}, path, headers=KEYED)
    assert fault(over) == (422, "invalid_request", [("/text", "too_long")])
    assert nothing_ordered(door)
    assert (await door.post({**body, "text": "x" * longest}, path, headers=KEYED)).status_code == 202


@pytest.mark.parametrize("path", [PASSWORDS, CHARGES])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_json"),
        (GOOD[:-1], 422, "invalid_json"),
        (b'{"\xff": 1}', 422, "invalid_json"),
        (b"[]", 422, "invalid_request"),
        (b'{"price":100,' + msgspec.json.encode(CONSENTED)[1:], 422, "invalid_request"),
        (b" " * (MOST_OCTETS + 1), 413, "body_too_large"),
    ],
    ids=["empty", "cut", "not UTF-8", "a list", "a name twice", "too large"],
)
async def test_a_body_that_cannot_be_read_orders_nothing(
    door: Door, path: str, body: bytes, status: int, code: str
) -> None:
    answer = await door.post(body, path, headers=KEYED)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert nothing_ordered(door)


@BOTH
@pytest.mark.parametrize("key", ["", "x" * 256, "k\t0"])
async def test_an_order_under_a_key_that_is_none_is_refused(
    door: Door, path: str, body: dict[str, Any], key: str
) -> None:
    answer = await door.post(body, path, headers={"idempotency-key": key})
    assert fault(answer) == (422, "invalid_request", [("", "invalid_idempotency_key")])
    assert nothing_ordered(door)
