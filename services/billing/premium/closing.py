"""Closing a month and settling it: statements, what Strex paid, payouts. Each step all or nothing, and once.

Months are closed in their order. Closing keeps later entries out of the month, so that what is added up afterwards is
the same however often it is added up; the statements of all merchants are then written together. What Strex paid is
booked together with the payouts that it leads to. A process that dies between two steps leaves the second to be done:
asking again does it, and asking once more changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession

from services.billing.database import translated
from services.billing.invoicing.audit import AuditEntry
from services.billing.premium.booking import entry_month
from services.billing.premium.chart import LedgerAccount
from services.billing.premium.entry import Entry, EntryId, EntryKind, lines_of
from services.billing.premium.ledger import ENTRIES, STATE, Ledger, closed_month
from services.billing.premium.payout import Payout, decide, payout_entry
from services.billing.premium.statement import OpenTotal, Statement, Tally, received_entry, state, total, vat_entry
from services.billing.premium.terms import TermsTable
from services.billing.rows import from_row, in_transaction, to_row
from shared.clock import Clock
from shared.errors import Refused
from shared.ids import GATEWAY, AccountId
from shared.money.periods import Day, Month, begins_at, last_day, month_of_day, moved
from shared.stores.mongodb import MongoStore

STATEMENTS: Final = "premium_statements"
SETTLEMENTS: Final = "premium_settlements"
PAYOUTS: Final = "premium_payouts"
AUDIT: Final = "finance_audit"

_INDEXES: Final = {
    STATEMENTS: (
        IndexModel([("account_id", ASCENDING), ("month", ASCENDING)], name="account"),
        IndexModel([("month", ASCENDING)], name="month"),
    ),
    PAYOUTS: (IndexModel([("account_id", ASCENDING), ("month", ASCENDING)], name="account"),),
}
"""`account`: an account's own, by month. `month`: all of a settlement."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """A closed month of all merchants. `received_on` and `received_ore` are None until Strex has paid.

    `statements` counts those that have lines: others show what is open, and wait for no money.
    """

    id: Month
    statements: int
    expected_ore: int
    received_on: Day | None = None
    received_ore: int | None = None


class Closing:
    """Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore, ledger: Ledger, terms: TermsTable, clock: Clock) -> None:
        self._mongo = mongo
        self._ledger = ledger
        self._terms = terms
        self._clock = clock

    async def prepare(self) -> None:
        """Make the collections and their indexes; a repeat is nothing."""
        async with translated():
            await self._mongo.make_collections(SETTLEMENTS, AUDIT)
            for name, indexes in _INDEXES.items():
                await self._mongo.database[name].create_indexes(list(indexes))

    async def close(self, month: Month, actor: str) -> Settlement:
        """Close a month and state it; one that is closed is shown as it is. `actor` is the id of the key that asks.

        Raises `Refused`: `month_not_over`; `earlier_month_open` when something is booked in a month before that is
        not closed, or the month that was shut last is not stated: a payout carries on from the one before.
        """
        done = await self.settlement(month)
        if done is not None:
            return done
        if begins_at(moved(month, 1)) > self._clock.now():
            raise Refused("month_not_over", "a month is closed when it is over")
        await self._shut(month)
        statements = await self._state(month)
        settled = sum(bool(statement.lines) for statement in statements)
        settlement = Settlement(id=month, statements=settled, expected_ore=total(statements))

        async def act(session: AsyncClientSession) -> None:
            if await self._mongo.database[SETTLEMENTS].find_one({"_id": month}, session=session) is not None:
                return
            await self._mongo.database[SETTLEMENTS].insert_one(to_row(settlement), session=session)
            await self._record(actor, "premium.close", None, settlement, session)
            if statements:
                rows = [to_row(statement, unpublished=True) for statement in statements]
                await self._mongo.database[STATEMENTS].insert_many(rows, session=session)
            await self._book([vat_entry(statement) for statement in statements if statement.vat_ore], session)

        await in_transaction(self._mongo, act)
        return await self.settlement(month) or settlement

    async def receive(self, month: Month, on: Day, ore: int, actor: str) -> Settlement:
        """Book what Strex paid for a month, and decide the payouts.

        Raises `Refused`: `month_not_closed`; `earlier_settlement_missing` (their order decides what is carried);
        `already_received` when another day or amount is on record; `invalid_day` for one before the month was over.
        """
        if on <= last_day(month).isoformat():
            raise Refused("invalid_day", "a month is settled after its end")

        async def act(session: AsyncClientSession) -> Settlement:
            closed = await closed_month(self._mongo, session)
            settlements = self._mongo.database[SETTLEMENTS]
            row = await settlements.find_one({"_id": month}, session=session)
            if row is None:
                raise Refused("month_not_closed", "close the month first")
            settlement = from_row(row, Settlement)
            if settlement.received_on is not None:
                if (settlement.received_on, settlement.received_ore) != (on, ore):
                    raise Refused("already_received", "another day or amount is on record for this month")
                return settlement
            before = {"_id": {"$lt": month}, "received_on": None, "statements": {"$gt": 0}}
            if await settlements.find_one(before, session=session) is not None:
                raise Refused("earlier_settlement_missing", "an earlier month was not settled yet")
            after = msgspec.structs.replace(settlement, received_on=on, received_ore=ore)
            await settlements.replace_one({"_id": month}, to_row(after, unpublished=True), session=session)
            await self._record(actor, "premium.receive", settlement, after, session)
            statements = await self._statements({"month": month}, session)
            payouts = await self._payouts(month, on, statements, session)
            settled = (received_entry(statement, on, closed) for statement in statements)
            entries = [entry for entry in settled if entry.lines]
            entries += [entry for payout in payouts if (entry := payout_entry(payout, closed)) is not None]
            if ore != settlement.expected_ore:
                entries.append(_difference(after, on, ore - settlement.expected_ore, closed))
            await self._book(entries, session)
            return after

        return await in_transaction(self._mongo, act)

    async def settlement(self, month: Month) -> Settlement | None:
        """A month, if it is closed."""
        async with translated():
            row = await self._mongo.database[SETTLEMENTS].find_one({"_id": month})
        return None if row is None else from_row(row, Settlement)

    async def statements(self, month: Month | None = None, account: AccountId | None = None) -> list[Statement]:
        """Statements of a month, of an account, or both; the newest month first."""
        given = {"month": month, "account_id": account}
        async with translated():
            return await self._statements({name: value for name, value in given.items() if value is not None})

    async def payouts(self, month: Month | None = None, account: AccountId | None = None) -> list[Payout]:
        """Payouts of a month, of an account, or both; the newest month first."""
        given = {"month": month, "account_id": account}
        query = {name: value for name, value in given.items() if value is not None}
        async with translated():
            rows = await self._mongo.database[PAYOUTS].find(query).sort([("month", -1), ("_id", 1)]).to_list(None)
        return [from_row(row, Payout) for row in rows]

    async def _shut(self, month: Month) -> None:
        """Let no more entries into a month."""

        async def act(session: AsyncClientSession) -> None:
            closed = await closed_month(self._mongo, session)
            if closed >= month:
                return
            earlier = {"month": {"$gt": closed, "$lt": month}, "kind": {"$in": [EntryKind.CHARGE, EntryKind.REVERSAL]}}
            if await self._mongo.database[ENTRIES].find_one(earlier, session=session) is not None:
                raise Refused("earlier_month_open", "an earlier month has entries and is not closed")
            stated = await self._mongo.database[SETTLEMENTS].find_one({"_id": closed}, session=session)
            if closed and stated is None:
                raise Refused("earlier_month_open", f"the close of {closed} came to no end; ask for it again")
            await self._mongo.database[STATE].update_one({"_id": "books"}, {"$set": {"closed": month}}, session=session)

        await in_transaction(self._mongo, act)

    async def _state(self, month: Month) -> list[Statement]:
        """The statements of a month that is shut: of each merchant with entries in it, or with anything open."""
        left = await self._ledger.open_totals(month)
        tallies: defaultdict[tuple[AccountId, str], Tally] = defaultdict(Tally)
        async for entry in self._ledger.entries(month):
            tallies[entry.account_id, entry.merchant_id].add(entry)
        last = Day(last_day(month).isoformat())
        return [
            state(
                account,
                merchant,
                month,
                tallies[account, merchant].lines(),
                vat=self._terms.at(last, merchant_id=merchant, service_code="", business_model=None).vat,
                left=left.get((account, merchant), OpenTotal()),
                at=self._clock.now(),
            )
            for account, merchant in sorted(tallies.keys() | left.keys())
        ]

    async def _payouts(
        self, month: Month, on: Day, statements: Sequence[Statement], session: AsyncClientSession
    ) -> list[Payout]:
        """Decide for every account that has something in this month; others keep what they carry."""
        nets: defaultdict[AccountId, int] = defaultdict(int)
        for statement in statements:
            if statement.lines:
                nets[statement.account_id] += statement.net_ore
        payouts = []
        for account, net in sorted(nets.items()):
            found = self._mongo.database[PAYOUTS].find({"account_id": account}, session=session)
            last = await found.sort("month", -1).limit(1).to_list(1)
            carried = from_row(last[0], Payout).carried_ore if last else 0
            payouts.append(decide(account, month, brought_forward=carried, net=net, received_on=on))
        if payouts:
            rows = [to_row(payout, unpublished=True) for payout in payouts]
            await self._mongo.database[PAYOUTS].insert_many(rows, session=session)
        return payouts

    async def _statements(self, query: dict[str, object], session: AsyncClientSession | None = None) -> list[Statement]:
        found = self._mongo.database[STATEMENTS].find(query, session=session).sort([("month", -1), ("_id", 1)])
        return [from_row(row, Statement) for row in await found.to_list(None)]

    async def _record(
        self, actor: str, action: str, before: Settlement | None, after: Settlement, session: AsyncClientSession
    ) -> None:
        """Who did it, on finance's audit record, with the change."""
        entry = AuditEntry(
            at=self._clock.now(),
            actor=actor,
            action=action,
            subject=after.id,
            before={} if before is None else msgspec.to_builtins(before),
            after=msgspec.to_builtins(after),
        )
        row = msgspec.to_builtins(entry, builtin_types=(datetime,))
        await self._mongo.database[AUDIT].insert_one(row, session=session)

    async def _book(self, entries: Sequence[Entry], session: AsyncClientSession) -> None:
        if entries:
            await self._mongo.database[ENTRIES].insert_many([to_row(entry) for entry in entries], session=session)


def _difference(settlement: Settlement, on: Day, ore: int, closed: Month) -> Entry:
    """Books what Strex paid beyond, or short of, what the statements expect."""
    name = f"{settlement.id}:difference"
    return Entry(
        id=EntryId(name),
        kind=EntryKind.RECEIVED,
        account_id=GATEWAY,
        merchant_id="",
        day=on,
        own_month=month_of_day(on),
        month=entry_month(on, closed),
        cause=name,
        lines=lines_of({LedgerAccount.BANK: ore, LedgerAccount.DIFFERENCE: -ore}),
    )
