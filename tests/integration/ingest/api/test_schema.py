"""What the OpenAPI document says is what the door does: Schemathesis makes requests of it, good and bad."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis.strategies import SearchStrategy, one_of
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.openapi import from_dict
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.ingest.api.app import TITLE, VERSION
from services.ingest.api.document import document
from shared.http import HttpServer
from tests.integration.ingest.api.conftest import Caller, calling, open_door

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
BOUNDS = bounds(
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
KNOWN = "99999999"
CALLS = [(method, path) for path, operations in document(TITLE, VERSION)["paths"].items() for method in operations]


@pytest.fixture
async def caller(kafka: str, mongodb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Caller]:
    """An account at a door whose owner of the message log knows no message."""

    async def nothing(_: Request) -> Response:
        return Response(status_code=404)

    owner = HttpServer("owner", Starlette(routes=[Route("/{path:path}", nothing)]), "127.0.0.1", 0, setting="none")
    await owner.start()
    try:
        async with (
            open_door(kafka, mongodb, tmp_path, monkeypatch, f"http://127.0.0.1:{owner.port}") as url,
            calling(url, mongodb, tmp_path) as one,
        ):
            yield one
    finally:
        await owner.stop(1.0)


@pytest.mark.parametrize(("method", "path"), CALLS, ids=[f"{method} {path}" for method, path in CALLS])
async def test_good_requests_are_answered_as_documented(caller: Caller, method: str, path: str) -> None:
    sent = await caller.http.post("/v1/messages", json={"to": KNOWN, "text": "Hei"})
    (message,) = sent.json()["messages"]

    def real(case: Case) -> Case:
        """The same, to somebody who can be sent to, or for a message that is there: a document cannot say who is."""
        if "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = message["id"]
        if isinstance(case.body, dict) and "to" in case.body:
            case.body |= {"to": KNOWN, "from": None}
        return case

    cases = (await operation_of(caller, method, path)).as_strategy(generation_mode=GenerationMode.POSITIVE)
    statuses = await asyncio.to_thread(ask, caller, one_of(cases, cases.map(real)))
    assert min(statuses) in {200, 202}, "nothing was accepted"


@pytest.mark.parametrize(("method", "path"), CALLS, ids=[f"{method} {path}" for method, path in CALLS])
async def test_bad_requests_are_refused_as_documented(caller: Caller, method: str, path: str) -> None:
    cases = (await operation_of(caller, method, path)).as_strategy(generation_mode=GenerationMode.NEGATIVE)
    statuses = await asyncio.to_thread(ask, caller, cases)
    assert max(statuses) in {404, 422}, "nothing was refused"


async def operation_of(caller: Caller, method: str, path: str) -> APIOperation:
    """One call of the document that the door serves."""
    described = (await caller.http.get("/openapi.json")).json()
    operation: APIOperation = from_dict(described)[path][method]
    return operation


def ask(caller: Caller, cases: SearchStrategy[Case]) -> set[int]:
    """Send what the strategy makes, check each answer; the statuses that came."""
    statuses = set()
    with requests.Session() as session:
        session.trust_env = False

        @BOUNDS
        @given(case=cases)
        def each(case: Case) -> None:
            answer = case.call_and_validate(
                str(caller.http.base_url).rstrip("/"),
                session,
                {"authorization": f"Bearer {caller.key.text}"},
                checks=CHECKS,
                timeout=10,
            )
            statuses.add(answer.status_code)

        each()
    return statuses
