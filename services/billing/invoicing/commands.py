"""What finance may order: a customer's record, the close of a month, and that usage is written off. All is checked
before anything is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import msgspec

from services.billing.invoicing.audit import AuditEntry
from services.billing.invoicing.closing import Closing, ClosingState, require_over
from services.billing.invoicing.parties import Customer, Subscribed, faults_of
from services.billing.invoicing.records import Records
from services.billing.pricing.book import PriceBook
from services.billing.pricing.plans import Plan
from services.billing.usage.sums import Settled
from shared.clock import Clock
from shared.errors import FieldError, Refused
from shared.ids import AccountId
from shared.money.periods import Day, Month, last_day, month_of_day
from shared.text.printed import fault_of_lines

_NAMED = 100
"""Most accounts that one refusal names."""


class Commands:
    """Each is on the audit record, with the change, or neither is. `actor` is the id of the key that asks."""

    def __init__(self, records: Records, prices: PriceBook, clock: Clock) -> None:
        self._records = records
        self._prices = prices
        self._clock = clock

    async def set_customer(self, actor: str, customer: Customer) -> Customer:
        """Set a customer's record; what it says holds from the next close that is asked for.

        Raises `Refused`: `invalid_request` naming the fields, `account_taken`.
        """

        def check(before: Customer | None, last: Month | None) -> AuditEntry:
            errors = [*faults_of(customer), *self._price_faults(customer)]
            errors += _late_subscriptions(customer, () if before is None else before.subscriptions, last)
            if errors:
                raise Refused("invalid_request", "the customer's record is not right", errors)
            return AuditEntry(
                at=self._clock.now(),
                actor=actor,
                action="customer.set",
                subject=customer.customer_id,
                before={} if before is None else msgspec.to_builtins(before),
                after=msgspec.to_builtins(customer),
            )

        await self._records.customers.put(customer, check)
        return customer

    async def close(self, actor: str, period: Month, *, early: bool, leave: Collection[AccountId] = ()) -> Closing:
        """Ask for the close of a month. Of one that was asked for before, how far it is: nothing is done twice.

        `leave` names accounts without customer whose usage waits for one. Raises `Refused`: `period_not_over`,
        `period_not_begun`, `earlier_period_open`, `account_without_customer` naming the accounts.
        """
        known = await self._records.closings.of(period)
        if known is not None and known.state is not ClosingState.REFUSED:
            return known
        now = self._clock.now()
        require_over(period, early=early, now=now)
        await self._require_customers(period, leave)
        closing = Closing(
            period=period, state=ClosingState.REQUESTED, requested_at=now, requested_by=actor, early=early
        )
        entry = AuditEntry(
            at=now, actor=actor, action="period.close", subject=period, after={"early": early, "leave": sorted(leave)}
        )
        return await self._records.closings.request(closing, entry)

    async def write_off(self, actor: str, account: AccountId, month: Month, reason: str) -> Settled:
        """Write off what waits of a closed month of an account, and return how much that was.

        Raises `Refused`: `invalid_request` for a reason that says nothing or cannot be printed; `nothing_waits`, which
        goes for a month that is not closed too: the close will take its usage.
        """
        if (fault := fault_of_lines(reason)) is not None:
            raise Refused("invalid_request", "the reason is not right", [FieldError("/reason", "wrong_form", fault)])
        last, done = await self._records.closings.last_closed(), Settled()
        if last is not None and month <= last:
            entry = AuditEntry(
                at=self._clock.now(),
                actor=actor,
                action="usage.write_off",
                subject=account,
                after={"month": month, "reason": reason},
            )
            while some := await self._records.write_offs.add(account, month, entry):
                messages, parts = sum(one.messages for one in some), sum(one.parts for one in some)
                done = Settled(done.messages + messages, done.parts + parts)
        if done == Settled():
            raise Refused("nothing_waits", "nothing of this account waits in that month")
        return done

    async def _require_customers(self, period: Month, leave: Collection[AccountId]) -> None:
        await self._records.sums.refresh()
        open_ones = await self._records.sums.open_accounts(Day(last_day(period).isoformat()))
        accounts = [account for account in open_ones if account not in set(leave)]
        missing = sorted(set(accounts) - (await self._records.customers.payers(accounts)).keys())
        if missing:
            errors = [FieldError("", "account_without_customer", f"account {account}") for account in missing[:_NAMED]]
            text = f"{len(missing)} accounts used something and have no customer"
            raise Refused("account_without_customer", text, errors)

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


def _late_subscriptions(customer: Customer, before: Sequence[Subscribed], last: Month | None) -> Iterator[FieldError]:
    """What a subscription says anew of a month whose invoices are out would never be on one."""
    known = {(one.code, one.since): one.until for one in before}
    for index, one in enumerate(customer.subscriptions if last is not None else ()):
        pointer, is_new = f"/subscriptions/{index}", (one.code, one.since) not in known
        ended = known.get((one.code, one.since))
        if is_new and last is not None and _month(one.since) <= last:
            yield FieldError(f"{pointer}/since", "period_closed", f"months until {last} are closed")
        if ended is not None and last is not None and _month(ended) <= last and (one.until or date.max) > ended:
            yield FieldError(f"{pointer}/until", "period_closed", f"it ended, and months until {last} are closed")


def _month(day: date) -> Month:
    return month_of_day(Day(day.isoformat()))
