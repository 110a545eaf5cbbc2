"""Reads of single messages, for the front door alone."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.dlr.api.view import view
from services.dlr.status.store import MessageStore
from shared.clock import Clock
from shared.errors import Refused
from shared.http import problem
from shared.ids import AccountId, MessageId
from shared.internal import HEADER, Scope, verify
from shared.privacy.sealing import Erased, Sealed, Sealer

_SUFFICIENT: Final = frozenset({Scope.READ})


class MessageReads:
    """The routes under `/internal/v1/messages`."""

    def __init__(self, store: MessageStore, sealer: Sealer, secret: bytes, clock: Clock) -> None:
        self._store = store
        self._sealer = sealer
        self._secret = secret
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the application."""
        return [Route("/internal/v1/messages/{message_id}", self._one, methods=["GET"])]

    async def _one(self, request: Request) -> Response:
        """One message. Another account's is answered as one that does not exist."""
        account = self._account(request)
        if account is None:
            return problem(401, "unauthorized", "Not authorized")
        message = await self._store.one_of(account, MessageId(request.path_params["message_id"]))
        if message is None or message.request is None:
            return problem(404, "not_found", "Not found")
        to = self._opened(account, message.id, "to", message.request.to)
        text = self._opened(account, message.id, "content", message.request.content)
        return Response(msgspec.json.encode(view(message, to, text)), media_type="application/json")

    def _account(self, request: Request) -> AccountId | None:
        """The account that the token vouches for, None without a good one."""
        try:
            claims = verify(self._secret, request.headers.get(HEADER, ""), self._clock.now())
        except Refused:
            return None
        return claims.account_id if claims.scope in _SUFFICIENT else None

    def _opened(self, account: AccountId, message_id: MessageId, field: str, sealed: Sealed) -> str | None:
        text = self._sealer.open(account, message_id, field, sealed)
        return None if isinstance(text, Erased) else text
