"""What a close of a larger month costs: more of the same, and nothing of it at once. Counted, not timed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from services.billing.invoicing import closer, customers
from services.billing.usage import daily, sums
from shared.kafka.record import Output
from shared.money.periods import begins_at, moved
from shared.stores.mongodb import Database, MongoStore
from tests.integration.billing.office import OCTOBER, Office, customer, used
from tests.integration.billing.outbox import Outbox

BATCH = 10
A_DAY = timedelta(days=1)


class Cost(msgspec.Struct, frozen=True):
    """`examined` is index keys and documents; `held` the most rows that one answer or one sending had."""

    queries: int
    examined: int
    held: int


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that a small month fills several times."""
    for module, name in (
        (closer, "_AT_ONCE"),
        (closer, "_INVOICES_AT_ONCE"),
        (customers, "_AT_ONCE"),
        (daily, "AT_ONCE"),
        (sums, "AT_ONCE"),
        (sums, "MARKS_AT_ONCE"),
    ):
        monkeypatch.setattr(module, name, BATCH)


@pytest.fixture
async def elsewhere(mongodb: str) -> AsyncIterator[Office]:
    """Books beside those of `office`."""
    mongo = MongoStore(mongodb, f"billing_{uuid4().hex[:12]}")
    await mongo.start()
    office = Office(mongo, Outbox())
    await office.open()
    yield office
    await mongo.database.client.drop_database(mongo.database.name)
    await mongo.stop(1.0)


@asynccontextmanager
async def counting(database: Database) -> AsyncIterator[list[dict[str, Any]]]:
    """What was asked of a database meanwhile; there when it is over."""
    rows: list[dict[str, Any]] = []
    await database.create_collection("system.profile", capped=True, size=64 * 1024 * 1024)
    await database.command("profile", 2)
    yield rows
    await database.command("profile", 0)
    rows += await database["system.profile"].find({"ns": {"$ne": f"{database.name}.system.profile"}}).to_list()
    await database.drop_collection("system.profile")


def examined(rows: list[dict[str, Any]]) -> int:
    return sum(row.get("keysExamined", 0) + row.get("docsExamined", 0) for row in rows)


async def cost_of(office: Office, customers: int, monkeypatch: pytest.MonkeyPatch) -> Cost:
    """Close a month in which so many customers used something on 6 days."""
    for number in range(customers):
        await office.put(customer(f"k{number:04}", f"konto-{number}"))
        days = [begins_at(OCTOBER) + day * A_DAY for day in range(6)]
        for day, at in enumerate(days, number * 6):
            await office.use(used(f"konto-{number}", range(day, day + 1), at=at))
    sent: list[int] = []
    send = office.outbox.send

    async def counted(outputs: Sequence[Output]) -> None:
        sent.append(len(outputs))
        await send(outputs)

    monkeypatch.setattr(office.outbox, "send", counted)
    async with counting(office.mongo.database) as rows:
        await office.close(OCTOBER)
    assert (await office.books.figures(OCTOBER)).bookings == 6 * customers
    return Cost(len(rows), examined(rows), max(*sent, *(row.get("nreturned", 0) for row in rows)))


async def test_a_close_of_twice_the_customers_costs_twice_and_holds_no_more(
    office: Office, elsewhere: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = await cost_of(office, 15, monkeypatch), await cost_of(elsewhere, 30, monkeypatch)
    assert small.held <= BATCH
    assert large.held <= BATCH
    assert large.queries <= 2.1 * small.queries
    assert large.examined <= 2.1 * small.examined


async def test_what_is_closed_is_not_read_again(office: Office) -> None:
    costs = []
    for number in range(5):
        month = moved(OCTOBER, number)
        await office.use(used("skole", range(number * 10, number * 10 + 5), at=begins_at(month)))
        async with counting(office.mongo.database) as rows:
            await office.close_at(month)
        closings = f"{office.mongo.database.name}.closings"
        costs.append(examined([row for row in rows if row["ns"] != closings]))
    assert costs[4] <= 1.1 * costs[1], "beside the closes of months, of which there are few"
