"""The front door as one ASGI application: routes, problem documents, counting. Wiring of values only."""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from services.ingest.accounts.keys import Scope
from services.ingest.accounts.view import AccountView
from services.ingest.api import problems
from services.ingest.api.authentication import authenticate
from services.ingest.api.bodies import headers_of, read_json
from services.ingest.api.cancelling import Cancelling
from services.ingest.api.document import document
from services.ingest.api.drafting import quote_draft, quoted
from services.ingest.api.forwarding import Forwarding
from services.ingest.api.metrics import ApiMetrics
from services.ingest.api.pages import POLICY, page
from services.ingest.api.premium import PremiumDoor
from services.ingest.api.problems import Code, Rejected
from services.ingest.api.reading import MessageReader
from services.ingest.api.submitting import ACCEPTED, PATH, Submit
from shared.errors import TryLater
from shared.telemetry.logs import get_log

TITLE: Final = "Budstikke"
VERSION: Final = "1"

_JSON: Final = "application/json"
_log = get_log()


def front_door(
    view: AccountView,
    submit: Submit,
    reader: MessageReader,
    cancelling: Cancelling,
    forwarding: Forwarding,
    premium: PremiumDoor,
    metrics: ApiMetrics,
    admin: ASGIApp | None = None,
) -> ASGIApp:
    """Everything that the role answers to the outside; `admin` answers what lies under `/admin`."""

    async def one(request: Request) -> Response:
        return await (cancel if request.method == "DELETE" else read)(request)

    async def cancel(request: Request) -> Response:
        grant = await authenticate(view, request.scope, headers_of(request.scope), Scope.SEND)
        cancelled = await cancelling.cancel(grant, request.path_params["id"])
        return Response(msgspec.json.encode(cancelled), media_type=_JSON)

    async def read(request: Request) -> Response:
        grant = await authenticate(view, request.scope, headers_of(request.scope), Scope.READ)
        body = await reader.read(grant.account.account_id, request.path_params["id"])
        return Response(body, media_type=_JSON)

    async def quote(request: Request) -> Response:
        headers = headers_of(request.scope)
        await authenticate(view, request.scope, headers, Scope.SEND)
        wanted = quote_draft(await read_json(headers, request.receive))
        return Response(msgspec.json.encode(quoted(wanted)), media_type=_JSON)

    described_json, described_page = _described()

    async def openapi(_: Request) -> Response:
        return Response(described_json, media_type=_JSON)

    async def docs(_: Request) -> Response:
        return HTMLResponse(described_page, headers={"content-security-policy": POLICY})

    app = Starlette(
        routes=[
            Route(PATH, submit, methods=["POST"]),
            Route(f"{PATH}/{{id}}", one, methods=["GET", "DELETE"]),
            Route("/v1/quotes", quote, methods=["POST"]),
            *premium.routes(),
            *forwarding.routes(),
            Route("/openapi.json", openapi, methods=["GET"]),
            Route("/docs", docs, methods=["GET"]),
        ],
        exception_handlers=dict.fromkeys(
            (Rejected, TryLater, HTTPException, ClientDisconnect, Exception), _answer_error
        ),
    )
    app.router.redirect_slashes = False
    return Straight(submit, Counted(app if admin is None else _Split(app, admin), metrics), metrics)


@cache
def _described() -> tuple[bytes, str]:
    """The document as JSON, and as a page: the same for every door."""
    whole = document(TITLE, VERSION)
    return msgspec.json.encode(whole), page(whole)


class Straight:
    """Hands `POST /v1/messages` to what answers it; everything else goes by the routes and their middleware, which cost
    a sixth of such a request.
    """

    def __init__(self, submit: Submit, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._submit = submit
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer or pass on."""
        if scope["path"] != PATH or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        status = 500
        try:
            await self._submit(scope, receive, send)
            status = ACCEPTED
        except Exception as error:
            response = await _answer_error(Request(scope), error)
            status = response.status_code
            await response(scope, receive, send)
        finally:
            self._metrics.answered("POST", PATH, status)


class _Split:
    """Sends what lies under `/admin` to an application of its own."""

    def __init__(self, app: ASGIApp, admin: ASGIApp) -> None:
        self._app = app
        self._admin = admin

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass on."""
        await (self._admin if scope["path"].startswith("/admin/") else self._app)(scope, receive, send)


class Counted:
    """Counts answers by method, route and status."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass on, and note the status that goes out."""
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._metrics.answered(scope["method"], getattr(scope.get("route"), "path", ""), status)


async def _answer_error(_: Request, error: Exception) -> Response:
    """The problem document for an error; one that nobody foresaw is logged without its text."""
    match error:
        case Rejected():
            return problems.answer(error)
        case TryLater():
            return problems.come_back(error)
        case HTTPException():
            return problems.of_status(error.status_code, error.headers)
        case ClientDisconnect():
            return Response(status_code=400)
        case _:
            _log.error("request_failed", exc_info=error)
            return problems.answer(Rejected(Code.INTERNAL_ERROR))
