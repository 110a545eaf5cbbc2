"""What finance may order: a customer's record, and the close of a month. All is checked before anything is done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import msgspec

from services.billing.invoicing.audit import AuditEntry
from services.billing.invoicing.booking import REACH
from services.billing.invoicing.closing import Closing, ClosingState, require_closable
from services.billing.invoicing.parties import Customer, Subscribed, faults_of
from services.billing.invoicing.store import Books
from services.billing.pricing.book import PriceBook
from services.billing.pricing.plans import Plan
from services.billing.usage.store import UsageStore
from shared.clock import Clock
from shared.errors import FieldError, Refused
from shared.ids import AccountId
from shared.money.periods import Day, Month, first_day, last_day, month_of_day, moved


class Commands:
    """Each is on the audit record, with the change, or neither is. `actor` is the id of the key that asks."""

    def __init__(self, books: Books, ledger: UsageStore, prices: PriceBook, clock: Clock) -> None:
        self._books = books
        self._ledger = ledger
        self._prices = prices
        self._clock = clock

    async def set_customer(self, actor: str, customer: Customer) -> Customer:
        """Set a customer's record; what it says holds from the next close on.

        Raises `Refused`: `invalid_request` naming the fields, `account_taken`.
        """
        before = await self._books.customer(customer.customer_id)
        last = await self._last()
        errors = [*faults_of(customer), *self._price_faults(customer)]
        errors += _late_subscriptions(customer, () if before is None else before.subscriptions, last)
        if errors:
            raise Refused("invalid_request", "the customer's record is not right", errors)
        entry = AuditEntry(
            at=self._clock.now(),
            actor=actor,
            action="customer.set",
            subject=customer.customer_id,
            before={} if before is None else msgspec.to_builtins(before),
            after=msgspec.to_builtins(customer),
        )
        await self._books.put_customer(customer, entry)
        return customer

    async def close(self, actor: str, period: Month, *, early: bool, leave: Collection[AccountId] = ()) -> Closing:
        """Ask for the close of a month. Of one that was asked for before, how far it is: nothing is done twice.

        `leave` names accounts without customer whose usage waits for one. Raises `Refused`: `period_not_over`,
        `period_not_begun`, `earlier_period_open`, `account_without_customer` naming the accounts.
        """
        known = await self._books.closing(period)
        if known is not None and known.state is not ClosingState.REFUSED:
            return known
        now = self._clock.now()
        require_closable(period, early=early, now=now, last=await self._last())
        await self._require_customers(period, leave)
        closing = Closing(
            period=period, state=ClosingState.REQUESTED, requested_at=now, requested_by=actor, early=early
        )
        entry = AuditEntry(
            at=now, actor=actor, action="period.close", subject=period, after={"early": early, "leave": sorted(leave)}
        )
        return await self._books.request(closing, entry)

    async def _last(self) -> Month | None:
        """The newest month that is closed or being closed."""
        return await self._books.last_period()

    async def _require_customers(self, period: Month, leave: Collection[AccountId]) -> None:
        first, last = Day(first_day(moved(period, -REACH)).isoformat()), Day(last_day(period).isoformat())
        covered = {account for customer in await self._books.customers() for account in customer.accounts}
        missing = [
            account for account in await self._ledger.accounts(first, last) if account not in covered | set(leave)
        ]
        if missing:
            errors = [FieldError("", "account_without_customer", f"account {account}") for account in missing]
            raise Refused("account_without_customer", "these accounts used something and have no customer", errors)

    def _price_faults(self, customer: Customer) -> Sequence[FieldError]:
        try:
            plan: Plan = self._prices.plan(customer.plan)
        except LookupError:
            return [FieldError("/plan", "unknown_value", "there is no such plan")]
        errors = []
        for index, one in enumerate(customer.subscriptions):
            try:
                plan.subscription_at(one.code, one.since)
            except LookupError:
                errors.append(
                    FieldError(f"/subscriptions/{index}/code", "unknown_value", "the plan has none on that day")
                )
        return errors


def _late_subscriptions(customer: Customer, before: Sequence[Subscribed], last: Month | None) -> Sequence[FieldError]:
    """A subscription that begins in a month whose invoices are out would never be invoiced for it."""
    known = {(one.code, one.since) for one in before}
    return [
        FieldError(f"/subscriptions/{index}/since", "period_closed", f"months until {last} are closed")
        for index, one in enumerate(customer.subscriptions)
        if last is not None and (one.code, one.since) not in known and _month(one.since) <= last
    ]


def _month(day: date) -> Month:
    return month_of_day(Day(day.isoformat()))
