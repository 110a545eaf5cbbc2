"""`DELETE /v1/messages/{id}`: withdraw a message that waits for a person or for its time."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

import msgspec

from services.ingest.accounts.account import Grant
from services.ingest.accounts.keys import Scope
from services.ingest.api.messages import Cancelled
from services.ingest.api.problems import Code, Rejected
from services.ingest.api.reading import MessageReader, is_id
from services.ingest.desk.rows import Held
from shared.clock import Clock
from shared.contracts.events import SendRequested
from shared.contracts.states import State
from shared.errors import TryLater
from shared.ids import AccountId, MessageId

_MAY_WAIT: Final = frozenset({State.ACCEPTED, State.HELD, State.SCHEDULED})
"""In these it waits already, or may come to: it is not screened yet, or the desk has not taken it."""
_request: Final = msgspec.json.Decoder(SendRequested).decode


class _Known(msgspec.Struct):
    """What is asked of a message as it is shown."""

    state: State


_known: Final = msgspec.json.Decoder(_Known).decode


class Desk(Protocol):
    """What is asked of `services.ingest.desk.store.DeskStore`. Raises `TryLater` without a database."""

    async def waiting(self, account_id: AccountId, message_id: MessageId) -> Held | None:
        """A message of this account that waits, or was withdrawn while it did."""
        ...

    async def cancel(self, held: Held, now: datetime) -> bool:
        """Withdraw it; False when it does not wait any more."""
        ...


class Cancelling:
    """Cancels. Once it says so the desk lets the message go to nobody, and tells of it within a second."""

    def __init__(self, desk: Desk, reader: MessageReader, clock: Clock) -> None:
        self._desk = desk
        self._reader = reader
        self._clock = clock

    async def cancel(self, grant: Grant, message_id: str) -> Cancelled:
        """A repeat is nothing.

        Raises `Rejected`: `not_found`, also for another account's; `not_cancellable` when it does not wait any more, or
        never did, with the state in its detail for a key that may read; `scope_missing` for a real message and a key
        for tests.
        `TryLater` when that is not decided yet (`message_moving`), or something does not answer.
        """
        if not is_id(message_id):
            raise Rejected(Code.NOT_FOUND)
        account_id, wanted = grant.account.account_id, MessageId(message_id)
        held = await self._desk.waiting(account_id, wanted)
        if held is not None and held.cancelled_at is None:
            if Scope.TEST in grant.key.scopes and not _request(held.request).test:
                raise Rejected(Code.SCOPE_MISSING, "a key for tests cancels tests alone")
            if not await self._desk.cancel(held, self._clock.now()):
                held = None
        if held is None:
            state = _known(await self._reader.read(account_id, message_id)).state
            if state in _MAY_WAIT:
                raise TryLater("message_moving", "it is being screened, just coming to wait, or being let go")
            if state is not State.CANCELLED:
                may_read = Scope.READ in grant.key.scopes
                raise Rejected(Code.NOT_CANCELLABLE, f"the message is {state}" if may_read else "")
        return Cancelled(wanted)
