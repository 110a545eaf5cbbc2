"""What people may ask of retention. A number is made into pseudonyms at once, and is kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from services.retention.api.asking import invalid
from services.retention.hold import HoldId, LegalHold, Reason
from services.retention.order import Order, drafted, erasure, purge, scope_of
from services.retention.policy import Policy, check, cut_off, next_cut_off
from services.retention.store import RetentionStore
from shared.clock import Clock
from shared.contracts.privacy import Basis, OrderId, Pseudonym
from shared.errors import Refused
from shared.ids import AccountId
from shared.money.periods import OSLO
from shared.privacy.keys import KeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.text.numbers import parse, parse_any

_REPEAT: Final = timedelta(minutes=1)
"""A request that comes again within this time is a repeat of the call."""
_HELD_YEARS: Final = 10
"""For so many years a legal hold on a person covers also what comes after it was opened."""


class Commands:
    """Every method raises `TryLater` without a database."""

    def __init__(self, store: RetentionStore, keys: KeyStore, clock: Clock, token: Callable[[], str]) -> None:
        """`token` gives unpredictable names of holds."""
        self._store = store
        self._keys = keys
        self._pseudonyms = Pseudonyms(keys)
        self._clock = clock
        self._token = token

    async def set_policy(
        self, account: AccountId, months: int, reason: str | None, actor: str, *, dry_run: bool = False
    ) -> Policy:
        """Set a period; it acts at the next purge. With `dry_run` nothing is set: the period as it would be. Raises
        `Refused` (`invalid_retention`).
        """
        check(months, reason)
        policy = Policy(account_id=account, months=months, reason=reason, set_by=actor, set_at=self._clock.now())
        if not dry_run:
            await self._store.set_policy(policy)
        return policy

    def deletes_before(self, policy: Policy) -> datetime:
        """What is older goes in the night that comes."""
        return next_cut_off(self._clock.now(), policy.months)

    async def erase(self, account: AccountId, number: str, basis: Basis, actor: str) -> Order:
        """Order to erase a person; the order that stands if it was asked for within the last minute. One from before
        that knows nothing of what came since. Raises `Refused` (`invalid_request`).
        """
        now = self._clock.now()
        event = erasure(account, self._people(account, number), basis, now)
        if (standing := await self._store.erasure(account, scope_of(event), now - _REPEAT)) is not None:
            return standing
        order = drafted(event, actor, await self._store.held(account))
        if await self._store.add(order):
            return order
        return await self.order(event.order_id)

    async def order(self, order_id: str, account: AccountId | None = None) -> Order:
        """One order. Raises `Refused` (`not_found`)."""
        found = await self._store.order(OrderId(order_id), account)
        if found is None:
            raise Refused("not_found", "there is no such order")
        return found

    async def open_hold(self, account: AccountId, reason: Reason, number: str | None, actor: str) -> LegalHold:
        """Open a hold. Every owner of data obeys it from its next batch on, whatever was ordered before; it covers also
        what is yet to come. Raises `Refused` (`invalid_request`).
        """
        hold = LegalHold(
            hold_id=HoldId(f"lh_{self._token()}"),
            account_id=account,
            reason=reason,
            opened_by=actor,
            opened_at=self._clock.now(),
            person=number is not None,
            pseudonyms=() if number is None else self._people(account, number, ahead=_HELD_YEARS),
        )
        await self._store.open_hold(hold)
        return hold

    async def close_hold(self, hold_id: str, actor: str) -> LegalHold:
        """Close a hold, and order at once what it kept from being purged; erasures that it withheld follow by
        themselves. Raises `Refused` (`not_found`).
        """
        hold = await self._store.close_hold(HoldId(hold_id), actor, self._clock.now())
        if hold is None:
            raise Refused("not_found", "there is no such hold")
        account = hold.account_id
        now, held = self._clock.now(), await self._store.held(account)
        night = now.astimezone(OSLO).date()
        months = (await self._store.policy(account)).months
        event = purge(account, night, cut_off(night, months), held, now, closed=hold.hold_id)
        await self._store.add(drafted(event, actor, held))
        return hold

    def _people(self, account: AccountId, number: str, *, ahead: int = 0) -> tuple[Pseudonym, ...]:
        """The pseudonyms of a number under every key of the account, that of this year among them, and under those of
        so many years ahead: the number is not kept, so nobody can make them later.
        """
        parsed = _e164(number)
        now = self._clock.now().year
        years = {*self._keys.pseudonym_years(account), *range(now, now + ahead + 1)}
        return tuple(self._pseudonyms.in_year(account, parsed, year) for year in sorted(years))


def _e164(number: str) -> str:
    """A number as stores have it: a mobile, or any other that somebody may have written from."""
    for read in (_mobile, parse_any):
        with suppress(Refused):
            return read(number)
    raise invalid("/number", "invalid_number", "is none that could have got or sent a message")


def _mobile(number: str) -> str:
    return parse(number, allow_m2m=True).number
