"""What every route of `/admin` is given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from services.ingest.accounts.account import Account
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.listing import AccountListing
from services.ingest.accounts.staff import Actor
from services.ingest.admin.actors import Actors
from services.ingest.api.owner import Owner
from services.ingest.api.problems import Code, Rejected
from services.ingest.clients.letting import ClientSystems
from services.ingest.desk.decisions import Decisions
from services.ingest.desk.listing import HoldListing
from shared.clock import Clock
from shared.ids import AccountId


class Office(msgspec.Struct, frozen=True):
    """`random` gives that many unpredictable octets."""

    actors: Actors
    book: AccountBook
    listing: AccountListing
    holds: HoldListing
    decisions: Decisions
    clock: Clock
    random: Callable[[int], bytes]
    books: Owner
    retention: Owner
    clients: ClientSystems

    async def account(self, actor: Actor, account_id: str) -> Account:
        """An account that the actor may know of. Raises `Rejected` (`not_found`)."""
        account = await self.listing.account(AccountId(account_id), actor.organisation_id)
        if account is None:
            raise not_found()
        return account


def not_found() -> Rejected:
    """There is no such thing, or it is another organisation's, which is the same."""
    return Rejected(Code.NOT_FOUND)
