"""The API's document is OpenAPI 3.1, says what the system answers, and its page loads nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc

Json = dict[str, Any]
METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}


@pytest.fixture
async def document(api: Customer) -> Json:
    answer = await api.http.get("/openapi.json", headers={"authorization": ""})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    document: Json = answer.json()
    return document


def test_the_document_has_the_shape_of_openapi_3_1(document: Json) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"]
    assert document["info"]["version"]
    for path, operations in document["paths"].items():
        assert path.startswith("/")
        for method, operation in operations.items():
            assert method in METHODS
            assert operation["summary"]
            named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            for status, response in operation["responses"].items():
                assert re.fullmatch(r"[1-5]\d\d", status)
                assert response["description"]
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)


def test_every_reference_leads_somewhere(document: Json) -> None:
    for reference in references(document):
        place: Any = document
        assert reference.startswith("#/")
        for step in reference[2:].split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]


def test_every_scheme_that_an_operation_asks_for_is_declared(document: Json) -> None:
    asked = {
        name
        for place in (document, *(one for path in document["paths"].values() for one in path.values()))
        for requirement in place.get("security", ())
        for name in requirement
    }
    assert asked
    assert asked <= document["components"]["securitySchemes"].keys()


async def test_what_the_system_answers_is_what_the_document_says(
    api: Customer, fjord: Smsc, numbers: Numbers, document: Json
) -> None:
    body = {"to": [numbers.norwegian(), "12"], "text": "Hei", "category": "otp"}
    sent = await api.http.post("/v1/messages", json=body)
    path = f"/v1/messages/{sent.json()['messages'][0]['id']}"
    young = await api.http.get(path)
    await api.delivered(sent.json()["messages"][0]["id"])
    for method, template, answer in (
        ("post", "/v1/messages", sent),
        ("get", "/v1/messages/{id}", young),
        ("get", "/v1/messages/{id}", await api.http.get(path)),
        ("get", "/v1/messages/{id}", await api.http.get("/v1/messages/none")),
        ("post", "/v1/quotes", await api.http.post("/v1/quotes", json={"text": "Hei ☺"})),
        ("post", "/v1/messages", await api.http.post("/v1/messages", json={"to": "12", "text": "Hei"})),
        ("post", "/v1/messages", await api.http.post("/v1/messages", json=body, headers={"authorization": "x"})),
        ("get", "/v1/webhooks", await api.http.get("/v1/webhooks")),
        ("get", "/v1/webhooks/notices", await api.http.get("/v1/webhooks/notices")),
        ("get", "/v1/webhooks/{id}/deliveries", await api.http.get("/v1/webhooks/callbacks/deliveries?limit=1")),
        ("post", "/v1/webhooks", await api.http.post("/v1/webhooks", json={"url": "ftp://example.no/"})),
    ):
        content = document["paths"][template][method]["responses"][str(answer.status_code)]
        while "$ref" in content:
            content = document["components"]["responses"][content["$ref"].rpartition("/")[2]]
        (media,) = content["content"]
        assert answer.headers["content-type"] == media
        schema = {**content["content"][media]["schema"], "components": document["components"]}
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(answer.json())


async def test_the_page_loads_nothing_from_elsewhere(api: Customer) -> None:
    answer = await api.http.get("/docs", headers={"authorization": ""})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.search(r"<(script|link|img|iframe|object|embed|base|form)\b|@import|url\(", answer.text) is None
    targets = set(re.findall(r'(?:href|src|action)="([^"]*)"', answer.text))
    assert "/openapi.json" in targets
    assert all(target == "/openapi.json" or target.startswith("#") for target in targets)
    anchors = set(re.findall(r'id="([^"]*)"', answer.text))
    assert {target[1:] for target in targets if target.startswith("#")} <= anchors
    for path in (await api.http.get("/openapi.json")).json()["paths"]:
        assert path in answer.text


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)
