"""Orders, and participants that carry them out without a broker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from shared.clock import Clock, ManualClock
from shared.contracts.codec import read
from shared.contracts.events import Event
from shared.contracts.privacy import Basis, LegalHoldChanged, OrderId, OrderKind, PrivacyAnswered, PrivacyOrdered
from shared.ids import AccountId
from shared.kafka.record import Output, Received, Record
from shared.privacy.participant import Store
from shared.privacy.participant.holds import KnownHolds
from shared.privacy.participant.participant import Participant
from shared.privacy.participant.work import WorkStore
from shared.stores.mongodb import Database, MongoStore

ACCOUNT = AccountId("acme")
NOW = datetime(2026, 11, 23, 8, 1, tzinfo=UTC)
ANNA = "2026:" + "a" * 32
BJORN = "2026:" + "b" * 32


def erase(*pseudonyms: str, order_id: str = "erase-acme-1") -> PrivacyOrdered:
    return PrivacyOrdered(
        order_id=OrderId(order_id),
        kind=OrderKind.ERASE,
        account_id=ACCOUNT,
        basis=Basis.REQUEST,
        ordered_at=NOW,
        pseudonyms=pseudonyms or (ANNA,),
    )


def purge(before: datetime, *, held: tuple[str, ...] = (), account: AccountId = ACCOUNT) -> PrivacyOrdered:
    return PrivacyOrdered(
        order_id=OrderId(f"purge-{account}-{before:%Y-%m-%d}"),
        kind=OrderKind.PURGE,
        account_id=account,
        basis=Basis.RETENTION,
        ordered_at=NOW,
        before=before,
        held=held,
    )


def hold(*pseudonyms: str, closed: bool = False) -> LegalHoldChanged:
    """On these people; without any, on the account."""
    return LegalHoldChanged(
        hold_id=OrderId("lh_1"),
        account_id=ACCOUNT,
        opened_at=NOW,
        pseudonyms=() if closed else pseudonyms,
        closed_at=NOW if closed else None,
    )


class Service:
    """One participant, and what it answered."""

    def __init__(
        self,
        name: str,
        mongo: MongoStore,
        stores: Callable[[Clock], Callable[[Database], Sequence[Store]]],
        batch: int = 3,
    ) -> None:
        self.clock = ManualClock(NOW)
        self.answers: list[PrivacyAnswered] = []
        self.ids: list[str] = []
        self.work = WorkStore(mongo)
        self.participant = Participant(
            name,
            stores(self.clock)(mongo.database),
            self.work,
            KnownHolds(mongo),
            self._send,
            self.clock,
            batch=batch,
        )

    async def obey(self, order: PrivacyOrdered) -> None:
        """Take an order, and carry out what is due."""
        await self.take(order)
        await self.all_due()

    async def take(self, *events: Event) -> None:
        record = Record("privacy.orders", 0, 0, 0, None, None, ())
        await self.participant([Received(record, event) for event in events], lambda _: None)

    async def all_due(self) -> None:
        while await self.participant.work():
            pass

    async def later(self, by: timedelta) -> None:
        """Let time go by, and carry out what is due then."""
        self.clock.advance(by.total_seconds())
        await self.all_due()

    def counted(self) -> dict[str, tuple[int, int]]:
        """Deleted and held by store, of the last answer."""
        return {count.store: (count.deleted, count.held) for count in self.answers[-1].counts}

    async def _send(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            record = Record(output.topic, output.partition, 0, 0, output.key, output.value, output.headers)
            event = read(record)
            assert isinstance(event, PrivacyAnswered)
            self.answers.append(event)
            self.ids += [value.decode() for name, value in output.headers if name == "ce_id"]
