"""Whether a door does what its document says: Schemathesis makes requests of one call and checks each answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis.strategies import one_of
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.openapi import from_dict
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

TOO_LARGE = 413


def refused(context: CheckContext, response: Response, case: Case) -> bool | None:
    """What is wrong is refused; to the library, too large is no refusal."""
    return None if response.status_code == TOO_LARGE else negative_data_rejection(context, response, case)


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    refused,
]
BOUNDS = bounds(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

Calls = list[tuple[str, str]]


def read(url: str) -> BaseSchema:
    """The document that a door serves, without the ways in: a key that the library leaves out, we put back. Blocks."""
    with requests.Session() as session:
        session.trust_env = False
        document = session.get(url, timeout=10).json()
    for calls in document["paths"].values():
        for call in calls.values():
            call.pop("security", None)
    return from_dict({name: value for name, value in document.items() if name != "security"})


def calls_of(document: dict[str, Any]) -> Calls:
    """Method and path of every call."""
    return [(method, path) for path, operations in document["paths"].items() for method in operations]


def with_input(document: dict[str, Any]) -> Calls:
    """Those that take something that can be wrong: a body, or a parameter that is more than any text."""
    return [(method, path) for method, path in calls_of(document) if _has_input(document["paths"][path][method])]


def _has_input(call: dict[str, Any]) -> bool:
    return "requestBody" in call or any(set(one["schema"]) - {"type", "title"} for one in call.get("parameters", ()))


def named(calls: Calls) -> list[str]:
    """Names of tests."""
    return [f"{method} {path}" for method, path in calls]


def ask(url: str, key: str, operation: APIOperation, mode: GenerationMode, change: Callable[[Case], Case]) -> set[int]:
    """Make requests of one call, half of them changed; the statuses that came. Blocks.

    Raises what Schemathesis finds.
    """
    statuses = set()
    cases = operation.as_strategy(generation_mode=mode)
    with requests.Session() as session:
        session.trust_env = False

        @BOUNDS
        @given(case=one_of(cases, cases.map(change)))
        def each(case: Case) -> None:
            answer = case.call_and_validate(url, session, {"authorization": f"Bearer {key}"}, checks=CHECKS, timeout=10)
            statuses.add(answer.status_code)

        each()
    return statuses
