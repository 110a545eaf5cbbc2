"""`GET /v1/messages/{id}`: the owner of the message log answers; a message too young for it we remember ourselves."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from services.ingest.api.owner import Owner
from services.ingest.api.problems import Code, Rejected
from services.ingest.api.recent import Recent
from shared.errors import TryLater
from shared.ids import AccountId, MessageId
from shared.internal.token import Scope

_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_OK: Final = 200
_NOT_FOUND: Final = 404


def is_id(text: str) -> bool:
    """Whether this could be the id of a message."""
    return _ID.fullmatch(text) is not None


class MessageReader:
    """Forwards reads of single messages."""

    def __init__(self, owner: Owner, recent: Recent) -> None:
        self._owner = owner
        self._recent = recent

    async def read(self, account_id: AccountId, message_id: str) -> bytes:
        """The message as JSON. Another account's message does not exist.

        Raises `Rejected` (`not_found`), or `TryLater` (`messages_unavailable`) when the owner does not answer and we
        do not remember.
        """
        if not is_id(message_id):
            raise Rejected(Code.NOT_FOUND)
        answer = await self._owner.ask("GET", f"/internal/v1/messages/{message_id}", account_id, Scope.READ)
        if answer is not None and answer.status == _OK:
            return answer.body
        remembered = self._recent.get(account_id, MessageId(message_id))
        if remembered is not None:
            return msgspec.json.encode(remembered)
        if answer is not None and answer.status == _NOT_FOUND:
            raise Rejected(Code.NOT_FOUND)
        raise TryLater("messages_unavailable", "the message log does not answer")
