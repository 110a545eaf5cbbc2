"""Months closed on a real database: what is charged, told and written, whatever comes between the steps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any
from uuid import uuid4

import mockeinvoice
import msgspec
import pytest
from peppol.xsd import validate_xsd

from services.billing.invoicing.closer import Closer
from services.billing.invoicing.closing import ClosingState
from services.billing.invoicing.closings import Closings
from services.billing.invoicing.ehf import ehf
from services.billing.invoicing.store import Books
from services.billing.pricing.book import VatRate
from shared.clock import ManualClock
from shared.errors import Fatal, Refused, TryLater
from shared.money.periods import Month
from shared.stores.mongodb import MongoStore
from tests.integration.billing.office import (
    FIRST_OF_DECEMBER,
    FIRST_OF_NOVEMBER,
    NOVEMBER,
    OCTOBER,
    PRICES,
    Office,
    customer,
    used,
)
from tests.integration.billing.outbox import Outbox
from tests.unit.billing.invoices import SELLER


async def test_a_month_becomes_invoices_that_pass_every_check(office: Office) -> None:
    await office.use(
        used("skole", range(2500)), used("bibliotek", range(3000, 3010), 3), used("havn", range(4000, 4001))
    )
    closing = await office.close(OCTOBER)
    assert closing.state is ClosingState.CLOSED
    invoices = await office.books.invoices()
    assert [(one.number, one.customer_id) for one in invoices] == [(100001, "nordvik"), (100002, "sandvik")]
    lines = [(line.account_id, line.quantity, str(line.unit_price), line.net) for line in invoices[0].invoice.lines]
    assert lines == [("bibliotek", 30, "0.51", 1530), ("skole", 2000, "0.51", 102000), ("skole", 500, "0.45", 22500)]
    for document in await office.documents():
        _, report = mockeinvoice.validate(document)
        assert report.findings == []
        assert validate_xsd(document) == (True, [])


async def test_what_is_used_afterwards_is_adjusted_in_the_next_month(office: Office) -> None:
    await office.use(used("skole", range(1990)))
    await office.close(OCTOBER)
    before = await office.documents()
    office.clock = ManualClock(FIRST_OF_DECEMBER)
    await office.use(used("skole", range(2020)), used("skole", range(5000, 5003), at=FIRST_OF_NOVEMBER))
    await office.close(NOVEMBER)
    assert (await office.documents())[:1] == before
    second = (await office.books.invoices())[1].invoice
    assert [(line.kind, line.month, line.quantity, str(line.unit_price)) for line in second.lines] == [
        ("usage", "2026-11", 3, "0.51"),
        ("adjustment", "2026-10", 10, "0.51"),
        ("adjustment", "2026-10", 20, "0.45"),
    ]


async def test_a_customer_who_used_nothing_gets_no_invoice_and_no_number(office: Office) -> None:
    await office.use(used("havn", range(1)))
    await office.close(OCTOBER)
    assert [(one.number, one.customer_id) for one in await office.books.invoices()] == [(100001, "sandvik")]


async def test_a_month_that_was_closed_stays_as_it_is_when_it_is_asked_for_again(office: Office) -> None:
    await office.use(used("skole", range(10)))
    closed = await office.close(OCTOBER)
    sent, documents = list(office.outbox.sent), await office.documents()
    await office.use(used("skole", range(100, 110)))
    assert await office.close(OCTOBER) == closed
    assert await office.documents() == documents
    assert office.outbox.sent == sent


async def test_the_document_is_made_anew_from_what_is_on_record_to_the_octet(office: Office) -> None:
    await office.use(used("skole", range(10)))
    await office.close(OCTOBER)
    for one in await office.books.invoices():
        assert ehf(one.invoice) == one.document


async def test_the_same_month_closed_elsewhere_gives_the_same_octets(office: Office, mongodb: str) -> None:
    elsewhere = MongoStore(mongodb, f"billing_{uuid4().hex[:12]}")
    await elsewhere.start()
    try:
        other = Office(elsewhere, Outbox())
        await other.open(customer("sandvik", "havn"), customer("nordvik", "skole", "bibliotek"))
        usage = [used("skole", range(2500)), used("havn", range(3000, 3100), 2)]
        await office.use(*usage)
        await other.use(*[list(reversed(some)) for some in reversed(usage)])
        await office.close(OCTOBER)
        await other.close(OCTOBER)
        assert await office.documents() == await other.documents()
        assert office.outbox.sent == other.outbox.sent
    finally:
        await elsewhere.database.client.drop_database(elsewhere.database.name)
        await elsewhere.stop(1.0)


@pytest.mark.parametrize("seed", range(6))
async def test_a_close_goes_on_where_a_crash_left_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Two of three writes end the step, before they are done or after."""
    await office.use(used("skole", range(300)), used("havn", range(400, 500)))
    await office.ask(OCTOBER)
    chance = Random(seed)

    def unreliable(write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def act(*arguments: Any, **named: Any) -> Any:
            when = chance.choice(["before", "after", "never"])
            if when == "before":
                raise TryLater("killed", "on purpose")
            result = await write(*arguments, **named)
            if when == "after":
                raise TryLater("killed", "on purpose")
            return result

        return act

    for owner, method in ((Closings, "advance"), (Closings, "reach"), (Books, "book"), (Books, "issue")):
        monkeypatch.setattr(owner, method, unreliable(getattr(owner, method)))
    monkeypatch.setattr(office.outbox, "send", unreliable(office.outbox.send))
    crashes = 0
    while (await office.closing(OCTOBER)).state is not ClosingState.CLOSED:
        try:
            await office.closer().step()
        except TryLater:
            crashes += 1
    assert crashes
    invoices = await office.books.invoices()
    assert [(one.number, one.customer_id) for one in invoices] == [(100001, "nordvik"), (100002, "sandvik")]
    topics_told = Counter(topic for topic, _ in office.told())
    assert topics_told == {"billing.usage": 4, "billing.invoices": 3}
    closed = office.told()[-1][1]
    assert (closed["parts"], closed["invoices"], closed["net"]) == (400, 2, 400 * 51)


async def test_members_that_close_at_the_same_time_charge_once_and_leave_no_gap(office: Office) -> None:
    names = [f"k{number:02}" for number in range(12)]
    for name in names:
        await office.put(customer(name, f"{name}-konto"))
    await office.use(*[used(f"{name}-konto", range(n * 100, n * 100 + 5)) for n, name in enumerate(names)])
    await office.ask(OCTOBER)

    async def work(closer: Closer) -> None:
        while (await office.closing(OCTOBER)).state is not ClosingState.CLOSED:
            try:
                await closer.step()
            except TryLater:
                continue

    await asyncio.gather(*(work(office.closer()) for _ in range(3)))
    invoices = await office.books.invoices()
    assert [one.number for one in invoices] == list(range(100001, 100013))
    assert sorted(one.customer_id for one in invoices) == names
    bookings = await office.books.bookings(OCTOBER)
    assert sum(one.parts for one in bookings) == 60


async def test_what_is_told_says_no_word_of_a_message_or_a_person(office: Office) -> None:
    await office.use(used("skole", range(3)))
    await office.close(OCTOBER)
    said = b"".join(one.value or b"" for one in office.outbox.sent)
    assert b"018f3c1a" not in said
    assert b"2026:" not in said


async def test_a_close_without_a_price_is_refused_and_may_be_asked_for_again(office: Office) -> None:
    bad = msgspec.structs.replace(customer("vestvik", "fyr"), plan="unknown")
    await office.put(bad)
    await office.use(used("fyr", range(3)))
    refused = await office.close(OCTOBER)
    assert refused.state is ClosingState.REFUSED
    assert refused.faults == ("customer vestvik: there is no plan unknown",)
    assert await office.books.invoices() == []
    await office.put(customer("vestvik", "fyr"))
    assert (await office.close(OCTOBER)).state is ClosingState.CLOSED


@pytest.mark.parametrize(
    "record",
    [{"gln": "100000-000007"}, {"name": " "}, {"organisation_number": "984066911"}],
    ids=lambda one: next(iter(one)),
)
async def test_a_close_with_a_record_older_than_a_rule_is_refused_and_may_be_asked_for_again(
    office: Office, record: dict[str, str]
) -> None:
    await office.put(msgspec.structs.replace(customer("sandvik", "havn"), **record))
    await office.use(used("skole", range(3)), used("havn", range(10, 12)))
    refused = await office.close(OCTOBER)
    assert refused.state is ClosingState.REFUSED
    assert [fault.split(": ")[:2] for fault in refused.faults] == [["customer sandvik", f"/{next(iter(record))}"]]
    assert await office.books.invoices() == []
    await office.put(customer("sandvik", "havn"))
    assert (await office.close(OCTOBER)).state is ClosingState.CLOSED
    assert [one.customer_id for one in await office.books.invoices()] == ["nordvik", "sandvik"]


async def test_a_close_whose_numbers_outgrow_the_kid_is_refused_until_the_seller_has_a_longer_one(
    office: Office,
) -> None:
    """A series that goes on under a seller's file that was shortened since."""
    await office.use(used("skole", range(3)), used("havn", range(10, 12)))
    await office.mongo.database["counters"].insert_one({"_id": "invoice", "last": 999_998})
    office.seller = msgspec.structs.replace(SELLER, kid_digits=7)
    refused = await office.close(OCTOBER)
    assert (refused.state, refused.faults) == (
        ClosingState.REFUSED,
        ("seller: kid_digits has no room for invoice 1000000",),
    )
    office.seller = SELLER
    assert (await office.close(OCTOBER)).state is ClosingState.CLOSED
    assert [one.number for one in await office.books.invoices()] == [999_999, 1_000_000]


async def test_an_unsound_invoice_is_not_issued_and_takes_no_number(office: Office) -> None:
    """A record that was changed in the database after it was checked; what is sound and comes before it is issued."""
    await office.use(used("skole", range(3)), used("havn", range(10, 12)))
    await office.ask(OCTOBER)
    await office.closer().step()
    wrong = {"$set": {"organisation_number": "984066911"}}
    await office.mongo.database["customers"].update_one({"_id": "sandvik"}, wrong)
    for _ in range(2):
        with pytest.raises(Fatal, match="invoice 100002: the customer has no valid organisation number"):
            await office.close(OCTOBER)
    assert [(one.number, one.customer_id) for one in await office.books.invoices()] == [(100001, "nordvik")]
    assert (await office.mongo.database["counters"].find_one({"_id": "invoice"}) or {})["last"] == 100001
    assert (await office.closing(OCTOBER)).state is ClosingState.BOOKED
    assert {topic for topic, _ in office.told()} == {"billing.usage"}


TAXED_SINCE_NOVEMBER = msgspec.structs.replace(PRICES, vat=(VatRate(date(2026, 11, 1), Decimal(26), "example"),))


async def test_a_close_without_the_rate_of_vat_of_what_became_known_late_is_refused_and_names_the_month(
    office: Office,
) -> None:
    office.clock, office.prices = ManualClock(FIRST_OF_DECEMBER), TAXED_SINCE_NOVEMBER
    await office.use(used("skole", range(10)), used("havn", range(20, 21), at=FIRST_OF_NOVEMBER))
    await office.commands.close("0123456789abcdef", NOVEMBER, early=False)
    await office.closer().step()
    refused = await office.closing(NOVEMBER)
    assert (refused.state, refused.faults) == (ClosingState.REFUSED, ("no rate of VAT is known for 2026-10",))
    assert await office.books.invoices() == []
    office.prices = PRICES
    assert (await office.close(NOVEMBER)).state is ClosingState.CLOSED
    assert [(one.number, one.invoice.lines[0].vat_rate) for one in await office.books.invoices()] == [
        (100001, Decimal(25)),
        (100002, Decimal(25)),
    ]


async def test_what_of_a_month_without_a_rate_becomes_known_during_a_close_waits_for_the_next(office: Office) -> None:
    office.clock, office.prices = ManualClock(FIRST_OF_DECEMBER), TAXED_SINCE_NOVEMBER
    await office.ask(NOVEMBER)
    await office.closer().step()
    await office.use(used("skole", range(10)), used("havn", range(20, 21), at=FIRST_OF_NOVEMBER))
    assert (await office.close(NOVEMBER)).state is ClosingState.CLOSED
    assert [one.customer_id for one in await office.books.invoices()] == ["sandvik"]
    assert (await office.close_at(Month("2026-12"))).faults == ("no rate of VAT is known for 2026-10",)


async def test_a_month_is_closed_after_the_last_that_was_however_many_later_ones_were_refused(office: Office) -> None:
    bad = msgspec.structs.replace(customer("vestvik", "fyr"), plan="unknown")
    await office.put(bad)
    for period in (NOVEMBER, Month("2026-12"), Month("2027-01")):
        assert (await office.close(period)).state is ClosingState.REFUSED
    await office.put(customer("vestvik", "fyr"))
    await office.close(OCTOBER)
    assert await office.records.closings.last_period() == OCTOBER


async def test_an_account_has_one_customer(office: Office) -> None:
    with pytest.raises(Refused, match="account_taken"):
        await office.put(customer("other", "havn"))


async def test_an_account_without_customer_waits_for_one(office: Office) -> None:
    await office.use(used("nobody", range(7)))
    await office.close(OCTOBER)
    assert await office.books.invoices() == []
    await office.put(customer("late", "nobody"))
    office.clock = ManualClock(FIRST_OF_DECEMBER)
    await office.close(NOVEMBER)
    lines = (await office.books.invoices())[0].invoice.lines
    assert [(line.kind, line.quantity) for line in lines] == [("adjustment", 7)]


async def test_a_month_ends_at_midnight_in_norway_and_the_hour_that_comes_twice_is_of_one_day(office: Office) -> None:
    instants = [
        datetime(2026, 9, 30, 21, 59, 59, tzinfo=UTC),
        datetime(2026, 9, 30, 22, 0, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC),
        datetime(2026, 10, 31, 23, 0, tzinfo=UTC),
    ]
    for number, at in enumerate(instants):
        await office.use(used("skole", range(number, number + 1), at=at))
    await office.close_at(OCTOBER)
    assert [(one.day, one.parts) for one in await office.books.bookings(OCTOBER)] == [
        ("2026-09-30", 1),
        ("2026-10-01", 1),
        ("2026-10-25", 2),
        ("2026-10-31", 1),
    ]
    await office.close_at(NOVEMBER)
    assert [(one.day, one.parts) for one in await office.books.bookings(NOVEMBER)] == [("2026-11-01", 1)]
