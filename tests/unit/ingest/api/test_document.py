"""The OpenAPI document is whole, says every call and every code, and its page loads nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from services.ingest.api import forwarding
from services.ingest.api.document import document
from services.ingest.api.messages import LONGEST_VALIDITY
from services.ingest.api.problems import KINDS, Code
from shared.contracts.openapi.parts import added
from shared.http import PROBLEM
from tests.unit.ingest.api.door import Door

DOCUMENT = document("t", "1")
CALLS = [(method, path) for path, calls in DOCUMENT["paths"].items() for method in calls]
SECURED = [(method, path) for method, path in CALLS if DOCUMENT["paths"][path][method]["security"]]
IDS = {
    "{number}": "100001",
    "{id}": "whe_5f0c1e7a7d0b4c399f381a2b",
    "{delivery}": "whd_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
}
MANAGED = ("/v1/webhooks", "/v1/keywords", "/v1/opt-outs", "/v1/retention", "/v1/privacy", "/v1/premium/refunds")
"""What an account's owner changes."""


def named(calls: list[tuple[str, str]]) -> list[str]:
    return [f"{method} {path}" for method, path in calls]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def contents() -> Iterator[tuple[str, Any, list[Any]]]:
    """Every body that is documented: where it stands, its schema, its examples."""
    operations = [(f"{method} {path}", DOCUMENT["paths"][path][method]) for method, path in CALLS]
    operations += [(name, item["post"]) for name, item in DOCUMENT["webhooks"].items()]
    for name, operation in operations:
        bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for place, body in bodies.items():
            for shape in body.get("content", {}).values():
                examples = [one["value"] for one in shape.get("examples", {}).values()]
                yield f"{name} {place}", shape["schema"], examples + ([shape["example"]] if "example" in shape else [])


async def test_the_document_is_served_without_a_key(door: Door) -> None:
    answer = await door.client_with("none").get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"
    assert answer.json()["paths"].keys() == DOCUMENT["paths"].keys()


@pytest.mark.parametrize(("method", "path"), CALLS, ids=named(CALLS))
async def test_every_call_that_is_documented_leads_somewhere(door: Door, method: str, path: str) -> None:
    for name, value in IDS.items():
        path = path.replace(name, value)
    answer = await door.client_with("none").request(method, path)
    assert answer.status_code == (401 if path.startswith("/v1/") else 200)


def test_everything_that_goes_on_to_an_owner_is_documented() -> None:
    named = [value for name, value in vars(forwarding).items() if name.isupper() and not name.startswith("_")]
    prefixes = [prefix for value in named for prefix in ([value] if isinstance(value, str) else value)]
    assert "/v1/webhooks" in prefixes
    assert [prefix for prefix in prefixes if not any(f"{path}/".startswith(f"{prefix}/") for _, path in CALLS)] == []


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]


def test_every_call_has_a_name_of_its_own() -> None:
    names = [DOCUMENT["paths"][path][method]["operationId"] for method, path in CALLS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+[A-Za-z]*", name) for name in names)


@pytest.mark.parametrize(("place", "schema", "examples"), [*contents()], ids=[place for place, _, _ in contents()])
def test_every_body_has_examples_of_its_shape(place: str, schema: Any, examples: list[Any]) -> None:
    assert examples or not place.startswith(("get /v1", "post /v1", "patch /v1"))
    validator = Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    for example in examples:
        validator.validate(example)


@pytest.mark.parametrize(("method", "path"), SECURED, ids=named(SECURED))
def test_every_call_says_who_may_and_how_it_is_refused(method: str, path: str) -> None:
    call = DOCUMENT["paths"][path][method]
    refusals = {status: one for status, one in call["responses"].items() if status >= "400"}
    assert refusals.keys() >= {"401", "403", "500", "503"}
    assert all(list(one["content"]) == [PROBLEM] for one in refusals.values())
    assert "Retry-After" in refusals["503"]["headers"]
    assert "WWW-Authenticate" in refusals["401"]["headers"]
    assert ("requestBody" in call) == (refusals.keys() >= {"413", "415", "422"})
    (scope,) = call["security"][0]["key"]
    assert scope == {"get": "messages:read"}.get(method, "admin" if path.startswith(MANAGED) else "messages:send")


def test_limits_stand_in_headers_of_what_is_limited() -> None:
    responses = DOCUMENT["paths"]["/v1/messages"]["post"]["responses"]
    for status in ("202", "429"):
        assert responses[status]["headers"].keys() >= {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
    assert "Retry-After" in responses["429"]["headers"]


def test_fields_that_are_not_available_are_not_documented() -> None:
    body = DOCUMENT["components"]["schemas"]["SendBody"]
    assert not {"send_at", "premium", "sender"} & set(body["properties"])
    assert body["properties"]["from"]
    assert body["properties"]["valid_for"]["maximum"] == LONGEST_VALIDITY
    assert body["additionalProperties"] is False


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.METHOD_NOT_ALLOWED])
def test_every_code_is_documented_with_an_example(code: Code) -> None:
    described = msgspec.json.encode(DOCUMENT).decode()
    assert f'"code":"{code}"' in described
    assert code is Code.NOT_FOUND or KINDS[code].meaning.split("`")[0] in described


def test_parts_that_say_different_things_of_one_name_do_not_go_together() -> None:
    whole = {"paths": {"/a": {}}, "components": {"schemas": {"A": {"type": "string"}}}}
    with pytest.raises(ValueError, match="paths"):
        added(whole, {"paths": {"/a": {}}, "components": {"schemas": {}}})
    with pytest.raises(ValueError, match="schemas of the name A"):
        added(whole, {"paths": {}, "components": {"schemas": {"A": {"type": "integer"}}}})


async def test_the_page_loads_nothing_from_elsewhere(door: Door) -> None:
    answer = await door.client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert re.findall(r'(?:src|href)="([^"#]+)"', answer.text) == ["/openapi.json"]
    assert "<script" not in answer.text
    anchors = set(re.findall(r'id="([^"]*)"', answer.text))
    assert set(re.findall(r'href="#([^"]*)"', answer.text)) <= anchors
    for method, path in CALLS:
        assert f"{method.upper()} {path}" in answer.text
    assert "POST to you: messageStatus" in answer.text
