"""Tells the others of accounts that changed: `AccountChanged` on `config.accounts`, from the mark in the row.

The change and the mark `unpublished` are one write (`AccountBook`), so a crash anywhere loses nothing: whoever runs
next finds the mark. The event is made from the row, and its id is the account and its version: a repeat is the same
event again. Versions that follow each other quickly may be told as the last one alone, which is all a compacted topic
keeps.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

from services.ingest.accounts.account import Account
from services.ingest.accounts.rows import from_row, translated
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.accounts import AccountChanged
from shared.contracts.codec import Writer
from shared.kafka.record import Output
from shared.looking import Looking
from shared.stores.mongodb import MongoStore

_EVERY: Final = 1.0
_CLAIM: Final = timedelta(seconds=30)
_SEND_SECONDS: Final = 5.0
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Send(Protocol):
    """`shared.kafka.sending.Sender.send`."""

    def __call__(self, outputs: Sequence[Output], *, deadline: float) -> Awaitable[None]:
        """Write, and return once all replicas have it."""
        ...


class AccountRelay(Looking):
    """A component that publishes marked accounts, when woken and once a second.

    A row is claimed for 30 s and sent within 5 s, so two processes do not tell the same account's versions across each
    other. One that was stopped in between and comes too late finds that a later version was published, and marks the
    row again: the last word on the topic is the last version.
    """

    def __init__(self, store: MongoStore, send: Send, writer: Writer, clock: Clock, *, every: float = _EVERY) -> None:
        """`every` is in seconds."""
        super().__init__("account relay", self.publish_all, every=every, waits="accounts_not_published")
        self._store = store
        self._send = send
        self._writer = writer
        self._clock = clock

    async def publish_all(self) -> int:
        """Publish what is marked and not claimed; how many. Raises `TryLater` without database or broker."""
        count = 0
        while (row := await self._claim()) is not None:
            account = from_row(row, Account)
            await self._send([self._output(account)], deadline=_SEND_SECONDS)
            await self._mark(account)
            count += 1
        return count

    async def _claim(self) -> dict[str, Any] | None:
        now = self._clock.now()
        query = {
            "unpublished": True,
            "$or": [{"claimed_until": None}, {"claimed_until": {"$lte": now}}],
        }
        accounts = self._store.database.accounts
        with translated():
            if await accounts.find_one(query, {"_id": 1}) is None:
                return None
            return await accounts.find_one_and_update(
                query, {"$set": {"claimed_until": now + _CLAIM}}, return_document=True
            )

    async def _mark(self, account: Account) -> None:
        """Take the mark away if nothing changed since; else leave, or set, it for another round."""
        accounts = self._store.database.accounts
        row = {"_id": account.account_id}
        with translated():
            done = await accounts.update_one(
                {**row, "version": account.version},
                {"$unset": {"unpublished": "", "claimed_until": ""}, "$max": {"published": account.version}},
            )
            if not done.matched_count:
                await accounts.update_one(row, {"$set": {"unpublished": True}, "$unset": {"claimed_until": ""}})

    def _output(self, account: Account) -> Output:
        at = account.changed_at or account.created_at or _LONG_AGO
        return self._writer.output(
            topics.ACCOUNTS,
            0,
            event_of(account, at),
            event_id=f"{account.account_id}:v{account.version}",
            time=at,
            subject=account.account_id,
        )


def event_of(account: Account, at: datetime) -> AccountChanged:
    """The event that tells of an account as it is."""
    return AccountChanged(
        account_id=account.account_id,
        organisation_id=account.organisation_id,
        state=account.state,
        version=account.version,
        changed_at=at,
        default_sender=account.default_sender,
        registered_senders=account.sending.senders,
        approved_domains=account.sending.domains,
        quiet_from=account.sending.quiet_from,
        quiet_to=account.sending.quiet_to,
        stopped_lanes=account.stops.lanes,
        stopped_senders=account.stops.senders,
        stopped_premium=account.stops.premium,
        **msgspec.structs.asdict(account.limits),
    )
