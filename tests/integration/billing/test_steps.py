"""A close that ends at every place where it can: before and behind each thing that it does, and within an invoice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.billing.invoicing import closer
from services.billing.invoicing.closing import ClosingState
from services.billing.invoicing.closings import Closings
from services.billing.invoicing.document import Invoice
from services.billing.invoicing.ehf import ehf
from services.billing.invoicing.store import Books
from services.billing.usage.sums import DailySums
from tests.integration.billing.office import OCTOBER, Office, customer, used

EFFECTS = (
    (DailySums, "refresh"),
    (DailySums, "mark_told"),
    (Closings, "advance"),
    (Closings, "reach"),
    (Books, "book"),
    (Books, "issue"),
)


class Killed(Exception):
    """The process is gone."""


class Fate:
    """Kills at the `at`-th place; counts places."""

    def __init__(self, at: int | None = None) -> None:
        self.places = 0
        self._at = at

    def pass_by(self) -> None:
        if self.places == self._at:
            self.places += 1
            raise Killed
        self.places += 1

    def around(self, act: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def acted(*arguments: Any, **named: Any) -> Any:
            self.pass_by()
            result = await act(*arguments, **named)
            self.pass_by()
            return result

        return acted

    def drawn(self, invoice: Invoice) -> bytes:
        """Within the transaction of number and invoice."""
        self.pass_by()
        return ehf(invoice)


async def closed(office: Office, monkeypatch: pytest.MonkeyPatch, fate: Fate) -> int:
    """Close October, with a new process whenever one is killed; how many were."""
    killed = 0
    with monkeypatch.context() as patched:
        for owner, method in EFFECTS:
            patched.setattr(owner, method, fate.around(getattr(owner, method)))
        patched.setattr(office.outbox, "send", fate.around(office.outbox.send))
        patched.setattr(closer, "ehf", fate.drawn)
        while (await office.closing(OCTOBER)).state is not ClosingState.CLOSED:
            try:
                await office.closer().step()
            except Killed:
                killed += 1
    return killed


async def begun(office: Office) -> None:
    await office.put(customer("vestvik", "fyr"))
    await office.use(used("skole", range(30)), used("havn", range(40, 45), 3), used("fyr", range(50, 52)))
    await office.ask(OCTOBER)


async def test_a_close_is_the_same_wherever_it_was_killed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await begun(office)
    whole = Fate()
    assert await closed(office, monkeypatch, whole) == 0
    expected = await outcome(office)
    assert expected[0] == [(100001, "nordvik", 1530), (100002, "sandvik", 765), (100003, "vestvik", 102)]
    for place in range(whole.places):
        for name in await office.mongo.database.list_collection_names():
            await office.mongo.database[name].delete_many({})
        office.outbox.sent.clear()
        await office.open(customer("nordvik", "skole", "bibliotek"), customer("sandvik", "havn"))
        await begun(office)
        assert await closed(office, monkeypatch, Fate(place)) == 1, place
        assert await outcome(office) == expected, place


async def outcome(office: Office) -> tuple[list[tuple[int, str, int]], Counter[str], dict[str, Any]]:
    """Invoices, how many different events there were of each topic, and what the close says that it came to."""
    invoices = [(one.number, one.customer_id, one.invoice.amounts.net) for one in await office.books.invoices()]
    return invoices, Counter(topic for topic, _ in office.told()), office.told()[-1][1]
