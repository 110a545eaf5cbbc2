"""Usage that nobody pays for yet: it waits, is seen to wait, and is charged or written off, each once."""

from __future__ import annotations

import asyncio

import pytest

from services.billing.usage.sums import Settled, Waiting
from shared.clock import ManualClock
from shared.errors import Refused
from shared.ids import AccountId
from shared.money.periods import Day, Month, begins_at, last_day, moved
from tests.integration.billing.office import NOVEMBER, OCTOBER, Office, customer, used

FYR = AccountId("fyr")
KARI = "0123456789abcdef"


async def waiting(office: Office, until: Month = OCTOBER) -> list[tuple[str, str, int]]:
    found: list[Waiting] = await office.records.sums.waiting(Day(last_day(until).isoformat()), limit=100)
    return [(one.account_id, one.month, one.parts) for one in found]


async def test_what_is_left_is_charged_when_somebody_pays_however_many_months_later(office: Office) -> None:
    await office.use(used("fyr", range(7), 2))
    for month in (OCTOBER, NOVEMBER, Month("2026-12"), Month("2027-01")):
        await office.close_at(month)
        assert await waiting(office) == [("fyr", OCTOBER, 14)]
    await office.put(customer("vestvik", "fyr"))
    await office.close_at(Month("2027-02"))
    (invoice,) = await office.books.invoices()
    assert [(line.kind, line.month, line.quantity) for line in invoice.invoice.lines] == [("adjustment", OCTOBER, 14)]
    await office.close_at(Month("2027-03"))
    assert len(await office.books.invoices()) == 1
    assert await waiting(office) == []


async def test_a_message_of_long_ago_is_charged_once_and_its_tiers_go_on(office: Office) -> None:
    await office.use(used("skole", range(1990)))
    await office.close_at(OCTOBER)
    for month in (NOVEMBER, Month("2026-12"), Month("2027-01")):
        await office.close_at(month)
    await office.use(used("skole", range(3000, 3020)))
    await office.close_at(Month("2027-02"))
    lines = (await office.books.invoices())[-1].invoice.lines
    assert [(line.quantity, str(line.unit_price)) for line in lines] == [(10, "0.51"), (10, "0.45")]


async def test_what_is_written_off_is_never_charged_and_finance_and_the_record_say_so(office: Office) -> None:
    await office.use(used("fyr", range(7), 2))
    await office.close_at(OCTOBER)
    assert await office.commands.write_off(KARI, FYR, OCTOBER, "our own trials") == Settled(7, 14)
    assert await waiting(office) == []
    (_, entry), *_ = await office.records.audit.page()
    assert (entry.actor, entry.action, entry.subject) == (KARI, "usage.write_off", "fyr")
    assert entry.after == {"month": OCTOBER, "reason": "our own trials", "messages": 7, "parts": 14}
    while await office.closer().tell_write_offs():
        pass
    (told,) = [content for _, content in office.told() if "write_off_id" in content]
    assert (told["account_id"], told["day"], told["parts"]) == ("fyr", "2026-10-12", 14)
    assert "reason" not in told

    await office.put(customer("vestvik", "fyr"))
    await office.use(used("fyr", range(100, 103)))
    await office.close_at(NOVEMBER)
    (invoice,) = await office.books.invoices()
    assert [line.quantity for line in invoice.invoice.lines] == [3]


@pytest.mark.parametrize("month", [OCTOBER, NOVEMBER])
async def test_what_does_not_wait_is_not_written_off(office: Office, month: Month) -> None:
    """October is charged, November is not closed."""
    await office.use(used("havn", range(3)))
    await office.close_at(OCTOBER)
    await office.use(used("havn", range(10, 13), at=begins_at(NOVEMBER)))
    with pytest.raises(Refused, match="nothing_waits"):
        await office.commands.write_off(KARI, AccountId("havn"), month, "why not")


@pytest.mark.parametrize("seed", range(4))
async def test_a_write_off_beside_a_close_settles_each_sum_once(office: Office, seed: int) -> None:
    days = [used("fyr", range(n * 10, n * 10 + 3), at=begins_at(OCTOBER).replace(day=n + 1)) for n in range(12)]
    await office.use(*days)
    await office.close_at(OCTOBER)
    await office.put(customer("vestvik", "fyr"))
    office.clock = ManualClock(begins_at(moved(NOVEMBER, 1)))
    await office.ask(NOVEMBER)

    async def write_off() -> int:
        await asyncio.sleep(0.005 * seed)
        try:
            return (await office.commands.write_off(KARI, FYR, OCTOBER, "both at once")).parts
        except Refused:
            return 0

    async def close() -> None:
        while await office.closer().step():
            pass

    written_off, _ = await asyncio.gather(write_off(), close())
    booked = sum(one.parts for one in await office.books.bookings(NOVEMBER))
    assert written_off + booked == 36


async def test_an_account_that_waits_holds_up_every_close_until_it_is_left_again(office: Office) -> None:
    await office.use(used("fyr", range(1)))
    for month in (OCTOBER, NOVEMBER, Month("2026-12"), Month("2027-01")):
        office.clock = ManualClock(begins_at(moved(month, 1)))
        with pytest.raises(Refused, match="account_without_customer") as refused:
            await office.commands.close(KARI, month, early=False)
        assert [error.message for error in refused.value.errors] == ["account fyr"]
        await office.commands.close(KARI, month, early=False, leave=[FYR])
        while await office.closer().step():
            pass
