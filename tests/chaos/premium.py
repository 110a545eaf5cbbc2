"""Charges through a Strex that loses reports and breaks off calls, while everything of ours is killed in turn.

`python -m tests.chaos.premium [--charges 5000] [--kills 30]`. At the end nobody was charged twice, each order was
taken or says that it was not, each refund is one reversal, and the premium ledger is the simulated Strex's to the øre:
charges, reversals, what is open, and its daily file row by row. A table says so, line by line.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import msgspec
from prometheus_client import CollectorRegistry
from pymongo.errors import PyMongoError

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from docs import generate
from docs.sections.charges import RESULTS
from services.billing.database import DATABASE
from services.billing.premium.api.daily_files import DailyFiles
from services.billing.premium.api.reconciliation import Reconciliation
from services.billing.premium.chart import LedgerAccount
from services.billing.premium.entry import Entry, EntryKind, balances
from services.billing.premium.ledger import ENTRIES, REFUNDS, TRANSACTIONS, Ledger
from services.billing.premium.reconciling import Finding
from services.billing.premium.refunding import Refunds
from services.billing.premium.terms import read_terms
from services.billing.rows import from_row
from services.dispatch.strex.row import NOT_TAKEN
from shared.clock import ManualClock, SystemClock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.premium import PremiumOrdered, PremiumTerms
from shared.contracts.topics import LOCAL, specs
from shared.errors import Refused, TryLater
from shared.ids import partition_of
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.money.periods import day_of
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from tests.catalogue import fresh
from tests.chaos.premium_outcome import Outcome
from tests.chaos.premium_system import API_KEY, AT_ONCE, VICTIMS, System
from tests.support import wait_until
from tests.unit.dispatch.strex.orders import ACCOUNT, TERMS, Orders

PARTITIONS: Final = 4
_SCENARIOS: Final = {7: "late", 13: "error", 17: "never_known", 19: "billed_undelivered"}
"""Every so many subscribers are so. None is rebilled: where the report of that is lost, the daily look finds it, and
no run lasts a day.
"""
_MISBEHAVIOUR: Final[dict[str, Any]] = {
    "late_ms": 600,
    "fault": "cut_after",
    "fault_every": 9,
    "callback_lose_every": 5,
    "callback_double_every": 3,
    "callback_scatter_ms": 300,
    "callback_retry_ms": 500,
}


class PremiumRun:
    """One run; `charges` orders, one in ten of them sent twice."""

    def __init__(self, system: System, kafka: str, charges: int, kills: int, random: Random) -> None:
        self._system = system
        self._kafka = kafka
        self._charges = charges
        self._kills = kills
        self._random = random
        self._orders: list[PremiumOrdered] = []
        self.sides = "nothing was compared yet"

    async def __call__(self, deadline: float) -> Outcome:
        """Charge, refund one in ten, kill meanwhile, and compare within `deadline` seconds."""
        started = time.monotonic()
        store = MongoStore(self._system.mongodb.uri, DATABASE)
        await store.start()
        try:
            async with asyncio.timeout(deadline), self._sender() as sender:
                await self._prepare()
                killing = asyncio.create_task(self._kill())
                await self._order(sender)
                await self._settled(store)
                refunds = await self._refund(store)
                await killing
                await self._settled(store)
            return await self._compare(store, refunds, time.monotonic() - started)
        finally:
            await store.stop(1.0)

    async def _prepare(self) -> None:
        await self._system.misbehave(**_MISBEHAVIOUR)
        write = Orders(Sealer(FileKeyStore(self._system.keys), SystemClock()))
        for place in range(self._charges):
            number = f"+4792{place:06d}"
            price = self._random.randrange(100, 50_000)
            self._orders.append(write.charge(number=number, terms=_priced(price), pseudonym=f"2026:{place:032x}"))
            scenario = next((word for every, word in _SCENARIOS.items() if place % every == every - 1), None)
            if scenario is not None:
                await self._system.profile(number, {"scenario": scenario})

    async def _order(self, sender: Sender) -> None:
        write = Writer("/budstikke/ingest/api").output
        twice = self._random.sample(self._orders, len(self._orders) // 10)
        told = self._random.sample([*self._orders, *twice], len(self._orders) + len(twice))
        for order in told:
            name = order.transaction_id
            output = write(
                topics.PREMIUM_ORDERS,
                partition_of(name, PARTITIONS),
                order,
                event_id=f"{name}:{order.kind}",
                time=order.ordered_at,
                subject=name,
            )
            await sender.send([output])

    async def _kill(self) -> None:
        """Kill each in turn, a while after the last one."""
        for victim in self._victims():
            await asyncio.sleep(self._random.uniform(0.7, 2.5))
            await self._system.kill(victim)

    def _victims(self) -> Sequence[str]:
        return [VICTIMS[number % len(VICTIMS)] for number in range(self._kills)]

    async def _settled(self, store: MongoStore) -> None:
        """Wait until each order has an end on both sides, as far as the simulated Strex gives it one."""

        async def agree() -> bool:
            await asyncio.sleep(self._charges / 2_500)  # looking at everything is work, too
            try:
                ours, theirs = await self._ours(store), await self._theirs()
            except (PyMongoError, httpx.HTTPError):
                return False
            self.sides = f"ours {ours}\ntheirs {theirs}"
            return ours == theirs

        await wait_until(agree, 1e9)

    async def _ours(self, store: MongoStore) -> dict[str, int]:
        entries, found = await _entries(store), store.database[TRANSACTIONS]
        return {
            "known": await found.count_documents({}),
            "open": await found.count_documents({"standing": "open"}),
            "refunding": await store.database[REFUNDS].count_documents({"state": {"$in": ["requested", "ordered"]}}),
            "charged": _moved(entries, EntryKind.CHARGE),
            "reversed": -_moved(entries, EntryKind.REVERSAL),
        }

    async def _theirs(self) -> dict[str, int]:
        totals = await self._system.totals()
        unknown = [each for each in await self._system.transactions() if each["billed"] is None]
        return {
            "known": self._charges,
            "open": len(unknown),
            "refunding": 0,
            "charged": totals["charged"],
            "reversed": totals["reversed"],
        }

    async def _refund(self, store: MongoStore) -> int:
        """Ask for one in ten, each twice."""
        refunds, asked = Refunds(store), 0
        for order in self._random.sample(self._orders, max(1, len(self._orders) // 10)):
            for _ in range(2):
                asked += await _ask(refunds, order)
        return asked

    async def _compare(self, store: MongoStore, refunds: int, seconds: float) -> Outcome:
        totals, entries = await self._system.totals(), await _entries(store)
        theirs = await self._system.transactions()
        ordered = {order.transaction_id: order.terms.price for order in self._orders}
        findings, differences = list[Finding](), list[str]()
        contradicted = {each["id"] for each in theirs if each["billed"] and each["status"] == "Failed"}
        clock = ManualClock(datetime.now(UTC) + timedelta(days=1))
        files = DailyFiles(self._system.daily_files, API_KEY)
        reconciliation = Reconciliation(store, Ledger(store, read_terms()), files, clock)
        for day in sorted({day_of(order.ordered_at) for order in self._orders} | {day_of(datetime.now(UTC))}):
            report = (await reconciliation.compare(day)).report
            findings += report.findings
            differences += [f"row {bad.row}: {bad.column}" for bad in report.unreadable]
            differences += [f"{report.not_listed} more"] if report.not_listed else []
        return Outcome(
            charges=len(self._orders),
            seconds=seconds,
            kills=self._kills,
            most_posts=max(each["posts"] for each in theirs),
            taken=sum(each["id"] in ordered for each in theirs),
            not_ordered=sum(each["id"].removeprefix("-") not in ordered for each in theirs),
            mispriced=sum(each["price"] != ordered.get(each["id"], each["price"]) for each in theirs),
            not_taken=await store.database[TRANSACTIONS].count_documents({"charge.detail": NOT_TAKEN}),
            may_be_lost=AT_ONCE * sum(victim != "billing" for victim in self._victims()),
            charged_there=totals["charged"],
            charged_here=_moved(entries, EntryKind.CHARGE),
            refunds=refunds,
            reversals_there=totals["reversals"],
            reversals_here=sum(entry.kind is EntryKind.REVERSAL for entry in entries),
            reversed_there=totals["reversed"],
            reversed_here=-_moved(entries, EntryKind.REVERSAL),
            open_there=sum(each["billed"] is None for each in theirs),
            open_here=await store.database[TRANSACTIONS].count_documents({"standing": "open"}),
            sum_of_the_books=sum(balances(entries).values()),
            contradicted=len(contradicted),
            named=len(contradicted & {one.transaction_id for one in findings}),
            differences=tuple(differences + [str(one) for one in findings if one.transaction_id not in contradicted]),
        )

    @asynccontextmanager
    async def _sender(self) -> AsyncIterator[Sender]:
        connection = KafkaSettings(bootstrap=self._kafka)
        sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
        await sender.start()
        try:
            yield sender
        finally:
            await sender.stop(5.0)


async def run(folder: Path, kafka: str, *, charges: int, kills: int, seconds: float, seed: int = 7) -> Outcome:
    """A run on a broker that is there, with everything else of its own in `folder`."""
    ours = [spec for spec in specs([], LOCAL) if spec.name.startswith(("premium.", "billing."))]
    await fresh(KafkaSettings(bootstrap=kafka), ours)
    system = System(folder, kafka)
    one = PremiumRun(system, kafka, charges, kills, Random(seed))
    try:
        await system.start()
        return await one(seconds)
    except TimeoutError:
        raise AssertionError(f"not settled after {seconds:g} s\n{one.sides}\n{system.last_words()}") from None
    finally:
        await system.stop()


async def _ask(refunds: Refunds, order: PremiumOrdered) -> int:
    """Ask until the database answers; 1 for a new refund."""
    while True:
        try:
            _, new = await refunds.ask(
                ACCOUNT, order.transaction_id, at=datetime.now(UTC), by="chaos", reason="upheld_complaint"
            )
        except Refused:
            return 0
        except TryLater:
            await asyncio.sleep(0.2)
        else:
            return int(new)


async def _entries(store: MongoStore) -> list[Entry]:
    return [from_row(row, Entry) for row in await store.database[ENTRIES].find().to_list(None)]


def _moved(entries: Sequence[Entry], kind: EntryKind) -> int:
    return sum(entry.on(LedgerAccount.STREX) for entry in entries if entry.kind is kind)


def _priced(price: int) -> PremiumTerms:
    return msgspec.structs.replace(TERMS, price=price)


def main(arguments: Sequence[str]) -> int:
    """Run on a broker of its own, print the table; 0 when it is good."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.premium", description=__doc__)
    parser.add_argument("--charges", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=1_800.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--record", action="store_true", help="write the table into docs/reliability.md")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="budstikke-chaos-") as name:
        folder = Path(name)
        broker = Kafka(
            data=folder / "kafka",
            log=folder / "kafka.log",
            port=free_port(),
            controller_port=free_port(),
            jars=JarCache(ROOT / "var/cache/jars").ensure(read_list()),
        )
        broker.start()
        try:
            broker.wait_ready()
            outcome = asyncio.run(
                run(
                    folder,
                    broker.bootstrap,
                    charges=given.charges,
                    kills=given.kills,
                    seconds=given.seconds,
                    seed=given.seed,
                )
            )
        finally:
            broker.kill()
    sys.stdout.write(f"{outcome.table()}\n")
    if given.record:
        RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(outcome.written_down()), indent=2) + b"\n")
        generate.main([])
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
