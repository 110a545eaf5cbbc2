"""Who asks for what at the same time: months are closed one after the other, by customers as they were then."""

from __future__ import annotations

import asyncio
from datetime import date

import msgspec
import pytest

from services.billing.invoicing.closing import Closing, ClosingState
from services.billing.invoicing.parties import Subscribed
from shared.errors import BudstikkeError, Refused
from shared.money.periods import Month, moved
from tests.integration.billing.office import FIRST_OF_NOVEMBER, NOVEMBER, OCTOBER, Office, customer, used

SEPTEMBER = Month("2026-09")
KARI = "0123456789abcdef"


async def test_a_month_waits_for_the_close_before_it_to_come_to_its_end(office: Office) -> None:
    await office.ask(SEPTEMBER)
    with pytest.raises(Refused, match="earlier_period_open"):
        await office.ask(OCTOBER)
    while await office.closer().step():
        pass
    assert (await office.close(OCTOBER)).state is ClosingState.CLOSED


@pytest.mark.parametrize("round_", range(5))
async def test_of_first_closes_at_the_same_time_one_is_taken(office: Office, round_: int) -> None:
    months = [moved(OCTOBER, -number) for number in range(6)]
    asked = await asyncio.gather(*(office.ask(month) for month in months), return_exceptions=True)
    taken = [one for one in asked if isinstance(one, Closing)]
    refused = [one for one in asked if isinstance(one, BudstikkeError)]
    assert (len(taken), {one.code for one in refused}) == (1, {"earlier_period_open"})
    assert [one.period for one in await office.records.closings.page()] == [taken[0].period]


async def test_a_month_that_many_ask_for_at_the_same_time_is_asked_for_once(office: Office) -> None:
    asked = await asyncio.gather(*(office.ask(OCTOBER) for _ in range(6)))
    assert len({one.turn for one in asked}) == 1
    assert len([one for _, one in await office.records.audit.page() if one.subject == "test"]) == 3


async def test_a_close_goes_by_customers_as_they_were_when_it_was_asked_for(office: Office) -> None:
    await office.use(used("skole", range(10)), used("fyr", range(20, 25)))
    await office.ask(OCTOBER)
    renamed = msgspec.structs.replace(customer("nordvik", "skole", "bibliotek"), name="Nye Nordvik kommune")
    await office.put(renamed)
    await office.put(msgspec.structs.replace(renamed, name="Enda nyere Nordvik"))
    await office.put(customer("alvik", "fyr"))
    while await office.closer().step():
        pass
    (invoice,) = await office.books.invoices()
    assert (invoice.customer_id, invoice.invoice.customer.name) == ("nordvik", "Nordvik kommune")
    await office.close_at(NOVEMBER)
    assert [one.customer_id for one in await office.books.invoices()] == ["nordvik", "alvik"]


@pytest.mark.parametrize("round_", range(4))
async def test_a_subscription_never_begins_in_a_month_that_was_closed_without_it(office: Office, round_: int) -> None:
    """Either the close is after it and has it, or it is refused."""
    record = msgspec.structs.replace(
        customer("sandvik", "havn"), subscriptions=(Subscribed("gateway", date(2026, 10, 15)),)
    )
    first, second = (office.commands.set_customer(KARI, record), office.commands.close(KARI, OCTOBER, early=False))
    results = await asyncio.gather(*((first, second) if round_ % 2 else (second, first)), return_exceptions=True)
    while await office.closer().step():
        pass
    refused = any(isinstance(one, Refused) for one in results)
    months = [line.month for one in await office.books.invoices() for line in one.invoice.lines]
    assert (OCTOBER in months) is not refused


@pytest.mark.parametrize(
    ("until", "code"), [(None, "period_closed"), (date(2026, 12, 5), "period_closed"), (date(2026, 9, 1), None)]
)
async def test_a_subscription_that_ended_in_a_closed_month_does_not_go_on(
    office: Office, until: date | None, code: str | None
) -> None:
    def subscribed(until: date | None) -> tuple[Subscribed, ...]:
        return (Subscribed("gateway", date(2026, 8, 1), until),)

    record = customer("sandvik", "havn")
    await office.put(msgspec.structs.replace(record, subscriptions=subscribed(date(2026, 9, 15))))
    await office.close(OCTOBER)
    assert office.clock.now() == FIRST_OF_NOVEMBER
    changed = msgspec.structs.replace(record, subscriptions=subscribed(until))
    if code is None:
        await office.commands.set_customer(KARI, changed)
        return
    with pytest.raises(Refused) as refused:
        await office.commands.set_customer(KARI, changed)
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/subscriptions/0/until", code)]
