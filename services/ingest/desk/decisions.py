"""What a person says about a hold: one transaction with its line on the audit record, and with the domains that the
account may link to from now on, if the person says so too (R-87).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec
from pymongo.asynchronous.client_session import AsyncClientSession

from services.ingest.accounts import changes
from services.ingest.accounts.account import Account
from services.ingest.accounts.audit import difference, visible
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.rows import from_row
from services.ingest.accounts.staff import Actor
from services.ingest.desk.rows import Decided, Hold, HoldState
from services.ingest.desk.store import read_hold
from shared.clock import Clock
from shared.contracts.holds import HoldId, HoldRule
from shared.errors import FieldError, Refused
from shared.stores.mongodb import MongoStore
from shared.text.links import parse_domain


class HoldCode(StrEnum):
    """Why a decision is refused; public."""

    HOLD_DECIDED = "hold_decided"
    DOMAINS_NOT_APPROVABLE = "domains_not_approvable"


ACTIONS: Final = {HoldState.APPROVED: "hold.approve", HoldState.REJECTED: "hold.reject"}
"""What a decision is called on the audit record, whose subject is the hold."""


class Decisions:
    """Decides. The role `desk` does the rest: what waits is let go within a second."""

    def __init__(self, store: MongoStore, book: AccountBook, clock: Clock) -> None:
        self._store = store
        self._book = book
        self._clock = clock

    async def decide(
        self, actor: Actor, hold_id: HoldId, state: HoldState, *, remember: bool = False, reason: str | None = None
    ) -> Hold | None:
        """The hold as decided; None: there is none. The same decision again changes nothing.

        Raises `Refused`: `hold_decided` when it was decided otherwise; `domains_not_approvable` when domains are to be
        remembered and there is none, or one that belongs to everybody; `account_closed`. `TryLater` without a database.
        """

        async def act(session: AsyncClientSession) -> Hold | None:
            holds = self._store.database.holds
            row = await holds.find_one({"_id": hold_id}, session=session)
            if row is None:
                return None
            before = read_hold(row)
            if before.state is state:
                return before
            if before.state is not HoldState.OPEN:
                raise Refused(HoldCode.HOLD_DECIDED, f"the hold is {before.state} already")
            domains = _approvable(before) if remember else ()
            now = self._clock.now()
            # As the database gives it back: a decision shown again is the decision that was shown first.
            at = now.replace(microsecond=now.microsecond // 1000 * 1000)
            decided = Decided(actor.key_id, at, domains)
            after = msgspec.structs.replace(before, state=state, decided=decided, settled=False)
            await holds.update_one(
                {"_id": hold_id},
                {
                    "$set": {"state": state, "settled": False, "decided": msgspec.structs.asdict(decided)},
                    "$inc": {"version": 1},
                },
                session=session,
            )
            account = await self._account(session, before)
            await self._book.enter(
                session,
                actor,
                ACTIONS[state],
                hold_id,
                {"state": before.state},
                {"state": state, **({"domains": list(domains)} if domains else {})},
                account_id=before.account_id,
                organisation_id=account.organisation_id if account is not None else None,
                reason=reason,
            )
            if domains and account is not None:
                await self._remember(session, actor, account, domains, hold_id)
            return after

        hold = await self._book.transaction(act)
        if remember:
            self._book.wake()
        return hold

    async def _account(self, session: AsyncClientSession, hold: Hold) -> Account | None:
        row = await self._store.database.accounts.find_one({"_id": hold.account_id}, session=session)
        return from_row(row, Account) if row is not None else None

    async def _remember(
        self, session: AsyncClientSession, actor: Actor, before: Account, domains: Sequence[str], hold_id: HoldId
    ) -> None:
        changed = changes.approve_domains(before, domains)
        if changed == before:
            return
        after = await self._book.next_version(session, before, changed)
        left, right = difference(visible(before), visible(after))
        await self._book.enter(
            session,
            actor,
            "account.change",
            before.account_id,
            left,
            right,
            account_id=before.account_id,
            organisation_id=before.organisation_id,
            reason=hold_id,
        )


def _approvable(hold: Hold) -> tuple[str, ...]:
    """The domains of a hold, if all of them may be approved."""
    named = [
        domain for finding in hold.findings if finding.rule is HoldRule.UNAPPROVED_LINK for domain in finding.evidence
    ]
    try:
        domains = tuple([parse_domain(domain) for domain in named])
    except Refused as refused:
        raise _not_approvable(f"one of the domains {refused.detail}") from None
    if not domains:
        raise _not_approvable("the hold is not about links")
    return domains


def _not_approvable(detail: str) -> Refused:
    errors = (FieldError("/remember_domains", HoldCode.DOMAINS_NOT_APPROVABLE, detail),)
    return Refused(HoldCode.DOMAINS_NOT_APPROVABLE, detail, errors)
