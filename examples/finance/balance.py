"""Read all that finance was ever told, and balance it to the øre: `balance.py`.

Reads `billing.usage` and `billing.invoices` from their beginning to their end, without a group, and prints a line per
closed month. Exit code 0 when everything agrees, 1 with a line per difference when not. Needs BUDSTIKKE_KAFKA.

What must agree, of every closed month:
  the bookings and invoices that came are as many as the close says, and so are their sums;
  for each account, month and price row, the invoice lines have as many parts as were booked;
  a line is its quantity times its price, rounded half up; an invoice is its lines; VAT is taken on their sum;
  invoice numbers have no gap; no more is booked or written off of a day than was used on it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

TOPICS = ("billing.usage", "billing.invoices")
Content = dict[str, Any]


class Books:
    """Everything that came, each once: an event that comes again has the same id and says the same."""

    def __init__(self) -> None:
        self.used: dict[str, Content] = {}
        self.bookings: dict[str, Content] = {}
        self.written_off: dict[str, Content] = {}
        self.invoices: dict[int, Content] = {}
        self.closed: dict[str, Content] = {}

    def take(self, event_type: str, content: Content) -> None:
        """Take one event in. Types that are not known here may be added one day; they are left alone."""
        match event_type:
            case "no.budstikke.billing.daily-usage.v1":
                known = self.used.get(content["usage_id"])
                if known is None or content["version"] > known["version"]:
                    self.used[content["usage_id"]] = content
            case "no.budstikke.billing.usage-booked.v1":
                self.bookings[content["booking_id"]] = content
            case "no.budstikke.billing.usage-written-off.v1":
                self.written_off[content["write_off_id"]] = content
            case "no.budstikke.billing.invoice-issued.v1":
                self.invoices[content["number"]] = content
            case "no.budstikke.billing.period-closed.v1":
                self.closed[content["period"]] = content

    def differences(self) -> Iterator[str]:
        """Every difference; nothing when the books balance."""
        for period, closed in sorted(self.closed.items()):
            bookings = [one for one in self.bookings.values() if one["period"] == period]
            invoices = [one for one in self.invoices.values() if one["period"] == period]
            yield from _compared(period, closed, bookings, invoices)
            yield from _balanced(period, bookings, invoices)
        for number, invoice in sorted(self.invoices.items()):
            yield from (f"invoice {number}: {fault}" for fault in _added_up(invoice))
        numbers = sorted(self.invoices)
        if numbers and numbers != list(range(numbers[0], numbers[-1] + 1)):
            yield "the numbers of invoices have a gap"
        settled: Counter[str] = Counter()
        for one in (*self.bookings.values(), *self.written_off.values()):
            settled[one["usage_id"]] += one["parts"]
        for usage_id, parts in sorted(settled.items()):
            used = self.used.get(usage_id, {"parts": 0})["parts"]
            if parts > used:
                yield f"{usage_id}: {parts} parts are booked or written off, {used} were used"

    def months(self) -> Iterator[str]:
        """A line per closed month."""
        for period, closed in sorted(self.closed.items()):
            amounts = "  ".join(f"{name} {closed[name] / 100:.2f}" for name in ("net", "vat", "total"))
            yield f"{period}  {closed['parts']} parts  {closed['invoices']} invoices  {amounts} {closed['currency']}"
        used, booked, written_off = (
            sum(one["parts"] for one in some.values()) for some in (self.used, self.bookings, self.written_off)
        )
        if written_off:
            yield f"written off: {written_off} parts"
        yield f"used and not in closed books: {used - booked - written_off} parts"


def _compared(period: str, closed: Content, bookings: list[Content], invoices: list[Content]) -> Iterator[str]:
    """What came against what the close says."""
    came = {
        "bookings": len(bookings),
        "messages": sum(one["messages"] for one in bookings),
        "parts": sum(one["parts"] for one in bookings),
        "invoices": len(invoices),
        **{name: sum(one[name] for one in invoices) for name in ("net", "vat", "total")},
    }
    for name, value in came.items():
        if value != closed[name]:
            yield f"{period}: {name} are {value}, the close says {closed[name]}"


def _balanced(period: str, bookings: list[Content], invoices: list[Content]) -> Iterator[str]:
    """Parts that were booked against parts on lines, where they have to meet. Who pays nothing has no invoice."""
    invoiced = {invoice["customer_id"] for invoice in invoices}
    places: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for one in (one for one in bookings if one["customer_id"] in invoiced):
        places[one["account_id"], one["day"][:7], one["price_row"]]["booked"] += one["parts"]
    for invoice in invoices:
        for line in invoice["lines"]:
            if "price_row" in line:
                places[line["account_id"], line["month"], line["price_row"]]["invoiced"] += line["quantity"]
    for place, parts in sorted(places.items()):
        if parts["booked"] != parts["invoiced"]:
            yield f"{period}: {' '.join(place)}: {parts['booked']} parts booked, {parts['invoiced']} invoiced"


def _added_up(invoice: Content) -> Iterator[str]:
    """An invoice against itself."""
    for line in invoice["lines"]:
        if line["net"] != _ore(line["quantity"] * Decimal(line["unit_price"]) * 100):
            yield f"line {line['line']} is not its quantity times its price"
    if invoice["net"] != sum(line["net"] for line in invoice["lines"]):
        yield "its net is not the sum of its lines"
    nets: Counter[str] = Counter()
    for line in invoice["lines"]:
        nets[line["vat_rate"]] += line["net"]
    if invoice["vat"] != sum(_ore(net * Decimal(rate) / 100) for rate, net in nets.items()):
        yield "its VAT is not what each rate comes to on the net of its lines"
    if invoice["total"] != invoice["net"] + invoice["vat"]:
        yield "its total is not net and VAT"


def _ore(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


async def read(bootstrap: str) -> Books:
    """Everything from the beginning to what is the end now."""
    books = Books()
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap.split(","), auto_offset_reset="earliest", enable_auto_commit=False
    ) as consumer:
        partitions = [TopicPartition(topic, 0) for topic in TOPICS]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    books.take(dict(record.headers)["ce_type"].decode(), json.loads(record.value))
    return books


def main() -> int:
    """The exit code."""
    books = asyncio.run(asyncio.wait_for(read(os.environ["BUDSTIKKE_KAFKA"]), 60.0))
    for line in books.months():
        print(line)
    differences = list(books.differences())
    for difference in differences:
        print(f"DIFFERENCE {difference}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
