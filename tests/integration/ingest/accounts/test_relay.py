"""What changed is told, whatever dies between the database and the broker; the last word is the last version."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from services.ingest.accounts.account import Account, OrganisationId
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.changes import What, suspend
from services.ingest.accounts.key_use import KeyUse
from services.ingest.accounts.keys import ALL_SCOPES, KeyId
from services.ingest.accounts.relay import AccountRelay
from services.ingest.accounts.staff import CONSOLE
from services.ingest.accounts.store import AccountStore
from shared.clock import ManualClock, SystemClock
from shared.contracts.accounts import AccountChanged
from shared.contracts.codec import Writer
from shared.errors import TryLater
from shared.ids import AccountId
from shared.kafka.record import Output
from shared.stores.mongodb import MongoStore
from tests.support import wait_until


class Topic:
    """Takes what is sent, or fails; before it does, something may happen."""

    def __init__(self) -> None:
        self.sent: list[Output] = []
        self.failing = False
        self.meanwhile: AccountBook | None = None

    async def send(self, outputs: Sequence[Output], *, deadline: float) -> None:
        if self.failing:
            raise TryLater("kafka_away", "told to fail")
        book, self.meanwhile = self.meanwhile, None
        if book is not None:
            await change(book, "meanwhile")
        self.sent += outputs

    def told(self) -> list[tuple[str, int]]:
        """Event ids and versions."""
        values = [msgspec.json.decode(output.value or b"", type=AccountChanged) for output in self.sent]
        return [
            (dict(output.headers)["ce_id"].decode(), value.version)
            for output, value in zip(self.sent, values, strict=True)
        ]


@pytest.fixture
async def store(mongodb: str) -> AsyncIterator[MongoStore]:
    """A database of the test's own."""
    store = MongoStore(mongodb, f"relay-{secrets.token_hex(4)}")
    await store.start()
    await AccountStore(store).prepare()
    yield store
    await store.database.client.drop_database(store.database.name)
    await store.stop(5.0)


@pytest.fixture
def book(store: MongoStore) -> AccountBook:
    return AccountBook(store, SystemClock())


def relay_of(store: MongoStore, topic: Topic, clock: ManualClock | SystemClock | None = None) -> AccountRelay:
    return AccountRelay(store, topic.send, Writer("/budstikke/ingest/api"), clock or SystemClock(), every=0.01)


async def create(book: AccountBook) -> None:
    await book.add_account(CONSOLE, Account(AccountId("acme"), "Acme", organisation_id=OrganisationId("org")))


async def change(book: AccountBook, name: str) -> None:
    await book.change_account(
        CONSOLE, AccountId("acme"), "account.change", lambda before: msgspec.structs.replace(before, name=name)
    )


async def test_a_change_is_told_once_under_an_id_that_follows_from_it(store: MongoStore, book: AccountBook) -> None:
    topic = Topic()
    relay = relay_of(store, topic)
    await create(book)
    assert await relay.publish_all() == 1
    assert await relay.publish_all() == 0
    await change(book, "Ny")
    await relay.publish_all()
    assert topic.told() == [("acme:v1", 1), ("acme:v2", 2)]
    assert {output.key for output in topic.sent} == {b"acme"}


async def test_a_process_that_dies_before_it_marks_leaves_the_same_event_to_the_next(
    store: MongoStore, book: AccountBook
) -> None:
    topic, clock = Topic(), ManualClock(SystemClock().now())
    await create(book)
    topic.failing = True
    with pytest.raises(TryLater):
        await relay_of(store, topic, clock).publish_all()
    topic.failing = False
    successor = relay_of(store, topic, clock)
    assert await successor.publish_all() == 0  # the claim of the dead one still holds
    clock.advance(30)
    assert await successor.publish_all() == 1
    assert topic.told() == [("acme:v1", 1)]


async def test_a_change_while_the_one_before_is_being_told_is_told_after_it(
    store: MongoStore, book: AccountBook
) -> None:
    topic = Topic()
    await create(book)
    topic.meanwhile = book
    await relay_of(store, topic).publish_all()
    assert topic.told() == [("acme:v1", 1), ("acme:v2", 2)]


async def test_a_broker_that_was_away_gets_everything_once_it_is_back(store: MongoStore, book: AccountBook) -> None:
    topic, clock = Topic(), ManualClock(SystemClock().now())
    topic.failing = True
    relay = relay_of(store, topic, clock)
    await relay.start()
    try:
        await create(book)
        relay.wake()
        topic.failing = False
        clock.advance(60)
        await wait_until(lambda: topic.told() == [("acme:v1", 1)])
    finally:
        await relay.stop(1.0)


async def test_what_changes_nothing_makes_no_version_no_record_and_no_event(
    store: MongoStore, book: AccountBook
) -> None:
    topic = Topic()
    await create(book)
    for _ in range(3):
        await book.change_account(CONSOLE, AccountId("acme"), "account.suspend", lambda one: suspend(one, What()))
    await relay_of(store, topic).publish_all()
    assert topic.told() == [("acme:v2", 2)]
    assert await store.database.audit.count_documents({}) == 2


async def test_the_day_of_a_keys_last_use_is_put_on_record(store: MongoStore) -> None:
    accounts, clock = AccountStore(store), ManualClock(SystemClock().now())
    await store.database.keys.insert_one({"_id": "k1", "account_id": "acme", "scopes": sorted(ALL_SCOPES)})
    used = {KeyId("k1")}
    use = KeyUse(used, accounts, clock)
    await use.start()
    await use.stop(5.0)
    row = await store.database.keys.find_one({"_id": "k1"})
    assert row is not None
    assert row["last_used_on"] == clock.now().date().isoformat()
    assert used == set()
