"""What an owner answers itself, such as `/v1/webhooks`: it goes on as it came, under a token for the account."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.ingest.accounts.keys import Scope
from services.ingest.accounts.view import AccountView
from services.ingest.api.authentication import authenticate
from services.ingest.api.bodies import headers_of, read_json
from services.ingest.api.owner import Owner
from services.ingest.api.problems import Code, Rejected
from shared.errors import TryLater
from shared.internal.token import Scope as Permission

WEBHOOKS: Final = "/v1/webhooks"
INCOMING: Final = ("/v1/inbound", "/v1/keywords", "/v1/numbers", "/v1/opt-outs")
"""What dlr answers of incoming messages."""
REFUNDS: Final = "/v1/premium/refunds"
BOOKS: Final = (
    "/v1/usage",
    "/v1/invoices",
    "/v1/premium/transactions",
    REFUNDS,
    "/v1/statements",
)
"""What billing answers."""
RETENTION: Final = ("/v1/retention", "/v1/privacy/requests")
"""What retention answers."""

_TAIL: Final = re.compile(r"(?:/[A-Za-z0-9_-]{1,128}){0,4}")
_PATIENCE: Final = 8.0
"""Seconds: a test call waits up to five for the customer's server."""
_AWAY: Final = frozenset({401, 403, 503})
"""The owner does not know us, or something behind it is away: neither is the caller's fault."""


class Target(msgspec.Struct, frozen=True):
    """Paths below `prefix` go to `owner`; `away` is the code when it does not answer."""

    prefix: str
    owner: Owner
    away: str


class Forwarding:
    """Passes a call on and its answer back. Reading needs the scope `messages:read`, changing needs `admin`; a key for
    tests has nothing refunded, for money is never a test.
    """

    def __init__(self, view: AccountView, targets: Sequence[Target]) -> None:
        self._view = view
        self._targets = targets

    def routes(self) -> list[Route]:
        """The paths that go on."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return [
            Route(path, self._to(target), methods=methods)
            for target in self._targets
            for path in (target.prefix, f"{target.prefix}/{{tail:path}}")
        ]

    def _to(self, target: Target) -> Callable[[Request], Awaitable[Response]]:
        async def forward(request: Request) -> Response:
            return await self._forward(request, target)

        return forward

    async def _forward(self, request: Request, target: Target) -> Response:
        reads = request.method in {"GET", "HEAD"}
        headers = headers_of(request.scope)
        grant = await authenticate(self._view, request.scope, headers, Scope.READ if reads else Scope.ADMIN)
        if not reads and target.prefix == REFUNDS and Scope.TEST in grant.key.scopes:
            raise Rejected(Code.SCOPE_MISSING, "a key for tests has nothing refunded")
        tail = request.url.path.removeprefix(target.prefix)
        if _TAIL.fullmatch(tail) is None:
            raise Rejected(Code.NOT_FOUND)
        has_body = b"content-length" in headers or b"transfer-encoding" in headers
        body = (
            await read_json(headers, request.receive) if has_body and headers.get(b"content-length") != b"0" else None
        )
        answer = await target.owner.ask(
            request.method,
            f"/internal{target.prefix}{tail}",
            grant.account.account_id,
            Permission.READ if reads else Permission.MANAGE,
            query=request.scope["query_string"],
            body=body,
            actor=str(grant.key.key_id),
            seconds=_PATIENCE,
        )
        if answer is None or answer.status in _AWAY:
            raise TryLater(target.away, "the owner does not answer")
        allow = {"allow": answer.allow} if answer.allow else None
        return Response(answer.body, answer.status, allow, media_type=answer.content_type or None)
