"""The desk on the real database; what it writes is caught, and may be lost in ways that a test chooses."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.ingest.accounts.account import Account, OrganisationId
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.staff import CONSOLE
from services.ingest.accounts.store import AccountStore
from services.ingest.desk.decisions import Decisions
from services.ingest.desk.listing import HoldListing
from services.ingest.desk.releasing import Releasing
from services.ingest.desk.rows import Hold, HoldState
from services.ingest.desk.store import DeskStore
from services.ingest.desk.taking import TakeOver
from services.ingest.desk.writing import DeskWriter
from services.ingest.screening.outputs import hold_id_of
from services.ingest.screening.verdict import Hold as Verdict
from shared.clock import ManualClock
from shared.contracts.events import Event, PartFact, SendRequested
from shared.contracts.holds import DelayRule, Finding, HoldId, HoldRule, MessageDelayed, MessageHeld
from shared.kafka.record import Output, Received, Record
from shared.stores.mongodb import MongoStore
from tests.unit.dispatch.building import ACCOUNT, PARTITIONS, START, Letters, as_record, record_of
from tests.unit.ingest.screening.building import event, ids

LINK = (Finding(rule=HoldRule.UNAPPROVED_LINK, evidence=("lodd.example",)),)


class Crash(BaseException):
    """The process is gone: nothing behind this line happened."""


class Desk:
    """One desk and its database. `crash` names the step behind which it dies."""

    def __init__(self, mongo: MongoStore, letters: Letters) -> None:
        self.mongo = mongo
        self.letters = letters
        self.clock = ManualClock(START)
        self.store = DeskStore(mongo)
        self.sent: list[Output] = []
        self.crash: str | None = None
        self.book = AccountBook(mongo, self.clock)
        self.decisions = Decisions(mongo, self.book, self.clock)
        self.listing = HoldListing(mongo, letters.sealer)
        self.taken = 0
        self.take = TakeOver(self.store, self._was_taken)

    def _was_taken(self) -> None:
        self.taken += 1

    def releasing(self) -> Releasing:
        """The component, as a process that starts has it."""
        return Releasing(self.store, self.send, DeskWriter(PARTITIONS), self.clock)

    async def send(self, outputs: Sequence[Output], *, deadline: float) -> None:
        what = type(event(outputs[0])).__name__
        if self.crash == f"before {what}":
            raise Crash
        self.sent += outputs
        if self.crash == f"behind {what}":
            raise Crash

    def held(self, text: str = "Se lodd.example", **changes: Any) -> MessageHeld:
        """A message that screening held."""
        findings = changes.pop("findings", LINK)
        request = self.letters.requested(
            text, **{"requested_at": START, "valid_until": START + timedelta(hours=2), **changes}
        )
        hold_id = hold_id_of(request, tuple(Verdict(one.rule, one.evidence) for one in findings))
        return MessageHeld(
            hold_id=hold_id,
            request=request,
            findings=findings,
            pseudonym="2026:00",
            held_at=self.clock.now(),
            expires_at=request.valid_until,
        )

    def delayed(
        self, due_in: timedelta = timedelta(hours=1), valid_until: datetime = START + timedelta(days=1)
    ) -> MessageDelayed:
        request = self.letters.requested(requested_at=START, valid_until=valid_until)
        return MessageDelayed(
            request=request,
            rule=DelayRule.QUIET_HOURS,
            due_at=START + due_in,
            pseudonym="2026:00",
            delayed_at=START,
        )

    async def took(self, *events: Event) -> list[Record]:
        """They lie on their topics, and the desk has taken them over; the records."""
        records = [as_record("sms.holds", one, "hold_" + "0" * 24, f"e{number}") for number, one in enumerate(events)]
        await self.again(records, events)
        return records

    async def again(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        finished: list[Received[Event]] = []
        batch = [Received(record, one) for record, one in zip(records, events, strict=True)]
        await self.take(batch, finished.append)
        assert finished == batch

    async def approve(self, hold_id: HoldId, **words: Any) -> Hold | None:
        return await self.decisions.decide(CONSOLE, hold_id, HoldState.APPROVED, **words)

    async def reject(self, hold_id: HoldId) -> Hold | None:
        return await self.decisions.decide(CONSOLE, hold_id, HoldState.REJECTED)

    def events(self) -> list[Event]:
        """Everything written since the last time."""
        found = [event(output) for output in self.sent]
        self.sent = []
        return found

    def requests(self) -> list[SendRequested]:
        return [one for one in map(event, self.sent) if isinstance(one, SendRequested)]

    def facts(self) -> list[PartFact]:
        return [one for one in map(event, self.sent) if isinstance(one, PartFact)]

    def ids(self) -> list[str]:
        return ids(self.sent)

    def records(self) -> list[Record]:
        return [record_of(output) for output in self.sent]


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    return Letters(tmp_path)


@pytest.fixture
async def desk(mongodb: str, letters: Letters) -> AsyncIterator[Desk]:
    mongo = MongoStore(mongodb, f"ingest-{secrets.token_hex(4)}")
    await mongo.start()
    try:
        one = Desk(mongo, letters)
        await one.store.prepare()
        await AccountStore(mongo).prepare()
        account = Account(ACCOUNT, "Acme", organisation_id=OrganisationId("acme"), version=1)
        await AccountStore(mongo).add_account(account)
        yield one
    finally:
        await mongo.database.client.drop_database(mongo.database.name)
        await mongo.stop(5.0)
