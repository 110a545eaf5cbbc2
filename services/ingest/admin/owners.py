"""`/admin/books/…` and `/admin/privacy/…`: what billing and retention answer themselves, under tokens for staff.

Their calls are in the document by the parts that those services write (`shared.contracts.openapi.staff`).
"""
# Annotations of the routes name values of the enclosing function, so they are not postponed in this module.

import re
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.accounts.staff import Actor, Permission
from services.ingest.admin.office import Office, not_found
from services.ingest.api.owner import Owner
from shared.errors import TryLater
from shared.ids import GATEWAY
from shared.internal.token import Scope

_PATIENCE: Final = 60.0
"""Seconds: closing a month reads all of its entries."""
_OWN_FAULTS: Final = frozenset({401, 403})


def book_routes(office: Office) -> APIRouter:
    """Finance's reads and commands: what goes on to `/internal/finance/…` of billing."""
    return _forwarding(
        office,
        office.books,
        "books",
        "finance",
        Scope.FINANCE,
        (Permission.BOOKS_READ, Permission.BOOKS_CHANGE),
        away=("books_unavailable", "the owner of the books does not answer"),
        tails=re.compile(r"[A-Za-z0-9_-]{1,128}(?:/[A-Za-z0-9_-][A-Za-z0-9_:.-]{0,199}){0,4}"),
        seconds=_PATIENCE,
    )


def privacy_routes(office: Office) -> APIRouter:
    """Periods, holds, erasures and proof: what goes on to `/internal/privacy/…` of retention.

    Retention keeps no accounts: that there is one of the name is asked here. What is nobody's lies under the gateway's.
    """
    return _forwarding(
        office,
        office.retention,
        "privacy",
        "privacy",
        Scope.PRIVACY,
        (Permission.PRIVACY_READ, Permission.PRIVACY_CHANGE),
        away=("retention_unavailable", "retention does not answer"),
        tails=re.compile(r"[a-z]{1,32}(?:/[A-Za-z0-9_-]{1,128}){0,2}"),
        account_of=_account_of,
    )


class _About(msgspec.Struct, frozen=True):
    """What a body says of its account, whatever else is in it."""

    account: str | None = None


def _account_of(tail: str, body: bytes) -> str | None:
    """The account that a period, a hold or an erasure is for; None when it names none that can be read."""
    what, _, rest = tail.partition("/")
    if what == "policies":
        return rest
    try:
        return msgspec.json.decode(body, type=_About).account
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _forwarding(
    office: Office,
    owner: Owner,
    name: str,
    internal: str,
    scope: Scope,
    permissions: tuple[Permission, Permission],
    *,
    away: tuple[str, str],
    tails: re.Pattern[str],
    seconds: float | None = None,
    account_of: Callable[[str, bytes], str | None] = lambda _, __: None,
) -> APIRouter:
    """Everything under `/admin/<name>/` goes on to `/internal/<internal>/`: GET by the first permission, POST by the
    second. A path that `tails` does not know is not found, nor is a POST for an account that is not there, which
    `account_of` tells by path and body; `away` is the code and detail while nobody answers.
    """
    actors = office.actors
    router = APIRouter(prefix=f"/admin/{name}", tags=[name], include_in_schema=False)
    reads, changes = permissions
    Reader = Annotated[Actor, Depends(actors.needs(reads))]  # noqa: N806 - a type
    Changer = Annotated[Actor, Depends(actors.needs(changes))]  # noqa: N806

    async def forward(actor: Actor, request: Request, tail: str) -> Response:
        if tails.fullmatch(tail) is None:
            raise not_found()
        answer = await owner.ask(
            request.method,
            f"/internal/{internal}/{tail}",
            GATEWAY,
            scope,
            query=request.scope["query_string"],
            body=await request.body() or None,
            actor=actor.key_id,
            seconds=seconds,
        )
        if answer is None or answer.status in _OWN_FAULTS:
            raise TryLater(*away)
        return Response(answer.body, answer.status, media_type=answer.content_type or None)

    @router.get("/{tail:path}")
    async def read(actor: Reader, request: Request, tail: str) -> Response:
        return await forward(actor, request, tail)

    @router.post("/{tail:path}")
    async def change(actor: Changer, request: Request, tail: str) -> Response:
        if (account := account_of(tail, await request.body())) not in {None, GATEWAY}:
            await office.account(actor, account)
        return await forward(actor, request, tail)

    return router
