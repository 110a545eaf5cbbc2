"""`/admin` as one ASGI application: routes, documentation, and errors as the API's problem documents."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from services.ingest.admin.access import access_routes
from services.ingest.admin.accounts import account_routes
from services.ingest.admin.bodies import CheckedBody
from services.ingest.admin.clients import client_routes
from services.ingest.admin.faults import invalid
from services.ingest.admin.holds import hold_routes
from services.ingest.admin.keys import key_routes
from services.ingest.admin.models.base import ProblemView
from services.ingest.admin.office import Office
from services.ingest.admin.organisations import organisation_routes
from services.ingest.admin.owners import book_routes, privacy_routes
from services.ingest.admin.people import audit_routes, staff_routes
from services.ingest.admin.problems import ADMIN_KINDS, answer_refused
from services.ingest.api import problems
from services.ingest.api.problems import KINDS, Code, Rejected
from shared.contracts.openapi.parts import added
from shared.contracts.openapi.staff import parts
from shared.errors import Refused, TryLater
from shared.http import PROBLEM, Kind
from shared.telemetry.logs import get_log

DOCUMENT: Final = "/admin/openapi.json"

_log = get_log()

_ANSWERED: Final = (
    Code.UNAUTHORIZED,
    Code.SCOPE_MISSING,
    Code.NOT_FOUND,
    Code.BODY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_JSON,
    Code.INVALID_REQUEST,
    Code.INTERNAL_ERROR,
    Code.UNAVAILABLE,
)


def admin_app(office: Office, version: str) -> ASGIApp:
    """Everything under `/admin`."""
    app = _routed(office, version)
    document = b""
    making = asyncio.Lock()

    async def served(_: Request) -> Response:
        nonlocal document
        async with making:  # made for who asks first: it takes 0.2 s, for which no start waits, and no other caller
            document = document or await asyncio.to_thread(lambda: msgspec.json.encode(described(office, version)))
        return Response(document, media_type="application/json")

    app.router.routes.append(Route(DOCUMENT, served, methods=["GET"]))
    for kind in (RequestValidationError, Refused, TryLater, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _answer_error)
    return CheckedBody(app)


def described(office: Office, version: str) -> dict[str, Any]:
    """The document: OpenAPI 3.1."""
    return _document(_routed(office, version))


def _routed(office: Office, version: str) -> FastAPI:
    app = FastAPI(
        title="Budstikke administration",
        version=version,
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=_responses(),
        generate_unique_id_function=lambda route: f"{route.tags[0]}_{route.name}",
    )
    for routes in (
        organisation_routes,
        account_routes,
        access_routes,
        key_routes,
        hold_routes,
        client_routes,
        staff_routes,
        audit_routes,
        book_routes,
        privacy_routes,
    ):
        app.include_router(routes(office))
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    document: dict[str, Any] = {**app.openapi(), "security": [{"key": []}]}
    for part in parts():
        added(document, {**part, "paths": {path: _passed_on(calls) for path, calls in part["paths"].items()}})
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "`bsk_staff_…`, or a key with the scope `admin`."}
    }
    return document


def _passed_on(calls: dict[str, Any]) -> dict[str, Any]:
    """What an owner says of a path, with what the door itself refuses."""
    told = {}
    for method, call in calls.items():
        responses = _refusals()
        for status, response in call["responses"].items():
            words = [response["description"], responses.get(status, {}).get("description", "")]
            responses[status] = {**response, "description": " ".join(filter(None, words))}
        told[method] = {**call, "responses": dict(sorted(responses.items()))}
    return told


def _refusals() -> dict[str, dict[str, Any]]:
    return {
        str(status): {name: value for name, value in response.items() if name != "model"}
        for status, response in _responses().items()
    }


_DESCRIPTION: Final = (
    "Organisations, accounts, keys, holds, and the people who look after them. A change is everywhere within 2 s, and "
    "is on the audit record. Errors are problem documents (RFC 9457); `code` is stable, texts are not."
)


async def _answer_error(_: Request, error: Exception) -> Response:
    """The problem document for an error; one that nobody foresaw is logged without its text."""
    match error:
        case RequestValidationError():
            return _answer_refused(invalid(error.errors()))
        case Refused():
            return _answer_refused(error)
        case TryLater():
            return problems.come_back(error)
        case HTTPException():
            return problems.of_status(error.status_code, error.headers)
        case ClientDisconnect():
            return Response(status_code=400)
        case _:
            _log.error("request_failed", exc_info=error)
            return problems.answer(Rejected(Code.INTERNAL_ERROR))


def _answer_refused(error: Refused) -> Response:
    return problems.answer(error) if isinstance(error, Rejected) else answer_refused(error)


def _responses() -> dict[int | str, dict[str, Any]]:
    """Every status that a problem may come with, its codes in words."""
    kinds: dict[str, Kind] = {code: KINDS[code] for code in _ANSWERED}
    kinds.update(ADMIN_KINDS)
    by_status: dict[int | str, list[str]] = {}
    for code, kind in sorted(kinds.items(), key=lambda item: item[1].status):
        by_status.setdefault(kind.status, []).append(f"`{code}`: {kind.meaning}")
    schema = {"$ref": f"#/components/schemas/{ProblemView.__name__}"}
    return {
        status: {"description": " ".join(meanings), "model": ProblemView, "content": {PROBLEM: {"schema": schema}}}
        for status, meanings in by_status.items()
    }
