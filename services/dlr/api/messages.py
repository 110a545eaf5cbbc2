"""Reads of single messages, for the front door alone."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.dlr.api.problems import KINDS
from services.dlr.api.view import view
from services.dlr.status.store import MessageStore
from shared.clock import Clock
from shared.errors import Refused
from shared.ids import AccountId, MessageId
from shared.internal.api import Guard, json
from shared.internal.token import Scope
from shared.privacy.sealing import Erased, Sealed, Sealer


class MessageReads:
    """The routes under `/internal/v1/messages`."""

    def __init__(self, store: MessageStore, sealer: Sealer, secret: bytes, clock: Clock) -> None:
        self._store = store
        self._sealer = sealer
        self._guard = Guard(secret, clock, KINDS)

    def routes(self) -> list[Route]:
        """For the application."""
        return self._guard.routes([("GET", "/internal/v1/messages/{id}", Scope.READ, self._one)])

    async def _one(self, account: AccountId, request: Request) -> Response:
        """One message. Another account's is answered as one that does not exist."""
        message = await self._store.one_of(account, MessageId(request.path_params["id"]))
        if message is None or message.request is None:
            raise Refused("not_found", "there is no such message")
        to = self._opened(account, message.id, "to", message.request.to)
        text = self._opened(account, message.id, "content", message.request.content)
        return json(view(message, to, text))

    def _opened(self, account: AccountId, message_id: MessageId, field: str, sealed: Sealed) -> str | None:
        text = self._sealer.open(account, message_id, field, sealed)
        return None if isinstance(text, Erased) else text
