"""`/admin/privacy/…`: periods, holds, erasures and proof, which retention answers itself."""
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

_TAIL: Final = re.compile(r"[a-z]{1,32}(?:/[A-Za-z0-9_-]{1,128}){0,2}")
_OWN_FAULTS: Final = frozenset({401, 403})


def privacy_routes(office: Office) -> APIRouter:
    """What goes on to `/internal/privacy/…` of retention, under a token for that."""
    router = APIRouter(prefix="/admin/privacy", tags=["privacy"], include_in_schema=False)
    Reader = Annotated[Actor, Depends(office.actors.needs(Permission.PRIVACY_READ))]  # noqa: N806 - a type
    Changer = Annotated[Actor, Depends(office.actors.needs(Permission.PRIVACY_CHANGE))]  # noqa: N806

    async def forward(actor: Actor, request: Request, tail: str) -> Response:
        if _TAIL.fullmatch(tail) is None:
            raise not_found()
        answer = await office.retention.ask(
            request.method,
            f"/internal/privacy/{tail}",
            GATEWAY,
            Scope.PRIVACY,
            query=request.scope["query_string"],
            body=await request.body() or None,
            actor=actor.key_id,
        )
        if answer is None or answer.status in _OWN_FAULTS:
            raise TryLater("retention_unavailable", "retention does not answer")
        return Response(answer.body, answer.status, media_type=answer.content_type or None)

    @router.get("/{tail:path}")
    async def read(actor: Reader, request: Request, tail: str) -> Response:
        return await forward(actor, request, tail)

    @router.post("/{tail:path}")
    async def change(actor: Changer, request: Request, tail: str) -> Response:
        return await forward(actor, request, tail)

    return router
