"""The internal HTTP API of the service: routes, and errors as problem documents."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.errors import BudstikkeError, Disposition
from shared.http import problem
from shared.telemetry.logs import get_log

_log = get_log()


def application(routes: Sequence[Route]) -> Starlette:
    """The ASGI application."""
    return Starlette(
        routes=routes,
        exception_handlers={HTTPException: _of_http, BudstikkeError: _of_ours, Exception: _of_anything},
    )


async def _of_http(_: Request, error: Exception) -> Response:
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    codes = {404: ("not_found", "Not found"), 405: ("method_not_allowed", "Method not allowed")}
    response = problem(status, *codes.get(status, ("bad_request", "Bad request")))
    response.headers.update(headers or {})
    return response


async def _of_ours(_: Request, error: Exception) -> Response:
    code = error.code if isinstance(error, BudstikkeError) else None
    _log.error("read_failed", code=code)
    if isinstance(error, BudstikkeError) and error.disposition is Disposition.RETRY:
        return problem(503, "unavailable", "Unavailable", "The message log does not answer; ask again.")
    return problem(500, "internal_error", "Internal error")


async def _of_anything(_: Request, error: Exception) -> Response:
    _log.error("read_failed", exc_info=error)
    return problem(500, "internal_error", "Internal error")
