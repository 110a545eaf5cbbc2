"""`/admin/books/…`: finance's reads and commands, which the owner of the books answers itself."""
# Annotations of the routes name values of the enclosing function, so they are not postponed in this module.

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.accounts.staff import Actor, Permission
from services.ingest.admin.office import Office, not_found
from shared.errors import TryLater
from shared.ids import GATEWAY
from shared.internal.token import Scope

_TAIL: Final = re.compile(r"[A-Za-z0-9_-]{1,128}(?:/[A-Za-z0-9_-][A-Za-z0-9_:.-]{0,199}){0,4}")
_PATIENCE: Final = 60.0
"""Seconds: closing a month reads all of its entries."""
_OWN_FAULTS: Final = frozenset({401, 403})


def book_routes(office: Office) -> APIRouter:
    """What goes on to `/internal/finance/…` of billing, under a token for finance."""
    router = APIRouter(prefix="/admin/books", tags=["books"], include_in_schema=False)
    Reader = Annotated[Actor, Depends(office.actors.needs(Permission.BOOKS_READ))]  # noqa: N806 - a type
    Changer = Annotated[Actor, Depends(office.actors.needs(Permission.BOOKS_CHANGE))]  # noqa: N806

    async def forward(actor: Actor, request: Request, tail: str) -> Response:
        if _TAIL.fullmatch(tail) is None:
            raise not_found()
        answer = await office.books.ask(
            request.method,
            f"/internal/finance/{tail}",
            GATEWAY,
            Scope.FINANCE,
            query=request.scope["query_string"],
            body=await request.body() or None,
            actor=actor.key_id,
            seconds=_PATIENCE,
        )
        if answer is None or answer.status in _OWN_FAULTS:
            raise TryLater("books_unavailable", "the owner of the books does not answer")
        return Response(answer.body, answer.status, media_type=answer.content_type or None)

    @router.get("/{tail:path}")
    async def read(actor: Reader, request: Request, tail: str) -> Response:
        return await forward(actor, request, tail)

    @router.post("/{tail:path}")
    async def change(actor: Changer, request: Request, tail: str) -> Response:
        return await forward(actor, request, tail)

    return router
