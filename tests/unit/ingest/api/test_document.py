"""The OpenAPI document is whole, says every code, and its page loads nothing from elsewhere."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from services.ingest.api.document import document
from services.ingest.api.messages import LONGEST_VALIDITY, MessageNow, Messages, Quote
from services.ingest.api.problems import KINDS, Code
from tests.unit.ingest.api.door import Door


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(references(item) for item in value))
    return set()


async def test_the_document_is_served_without_a_key(door: Door) -> None:
    answer = await door.client_with("none").get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"
    assert set(answer.json()["paths"]) == {"/v1/messages", "/v1/messages/{id}", "/v1/quotes"}


def test_every_reference_leads_somewhere() -> None:
    described = document("t", "1")
    assert references(described) <= {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}


def test_fields_that_are_not_available_are_not_documented() -> None:
    body = document("t", "1")["components"]["schemas"]["SendBody"]
    assert not {"send_at", "premium", "sender"} & set(body["properties"])
    assert body["properties"]["from"]
    assert body["properties"]["valid_for"]["maximum"] == LONGEST_VALIDITY
    assert body["additionalProperties"] is False


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.METHOD_NOT_ALLOWED])
def test_every_code_is_documented_with_an_example(code: Code) -> None:
    described = msgspec.json.encode(document("t", "1")).decode()
    assert f'"code":"{code}"' in described
    assert KINDS[code].meaning.split("`")[0] in described


@pytest.mark.parametrize(
    ("path", "method", "status", "kind"),
    [
        ("/v1/messages", "post", "202", Messages),
        ("/v1/messages/{id}", "get", "200", MessageNow),
        ("/v1/quotes", "post", "200", Quote),
    ],
)
def test_examples_of_answers_have_the_shape_of_answers(path: str, method: str, status: str, kind: type) -> None:
    content = document("t", "1")["paths"][path][method]["responses"][status]["content"]["application/json"]
    assert msgspec.to_builtins(msgspec.convert(content["example"], kind)) == content["example"]


async def test_the_page_loads_nothing_from_elsewhere(door: Door) -> None:
    answer = await door.client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert re.findall(r'(?:src|href)="([^"#]+)"', answer.text) == ["/openapi.json"]
    assert "<script" not in answer.text
    for path in ("POST /v1/messages", "GET /v1/messages/{id}", "POST /v1/quotes", "never_twice"):
        assert path in answer.text
