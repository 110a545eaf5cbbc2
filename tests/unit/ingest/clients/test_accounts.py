"""What the topic tells of accounts is what the role goes by."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from services.ingest.accounts.account import Account, Limits, OrganisationId, Stops
from services.ingest.accounts.relay import event_of
from services.ingest.clients.accounts import ToldAccounts, account_of, read_account
from shared.contracts.accounts import AccountChanged
from shared.contracts.codec import Writer
from shared.contracts.words import AccountState, Lane
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.kafka.record import Record

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACME = AccountId("acme")
ACCOUNT = Account(
    account_id=ACME,
    name="",
    state=AccountState.SUSPENDED,
    default_sender="Acme",
    organisation_id=OrganisationId("org"),
    stops=Stops(lanes=(Lane.BULK,), senders=("Bad",), premium=True),
    limits=Limits(**{field.name: number for number, field in enumerate(msgspec.structs.fields(Limits), 1)}),
    version=3,
    changed_at=AT,
)
TOMBSTONE = Record("config.accounts", 0, 9, 0, b"acme", None, ())


def told(version: int, state: AccountState = AccountState.ACTIVE) -> AccountChanged:
    return event_of(msgspec.structs.replace(ACCOUNT, version=version, state=state), AT)


def record(event: AccountChanged) -> Record:
    output = Writer("/budstikke/ingest/api").output("config.accounts", 0, event, event_id="x", time=AT, subject="acme")
    return Record(output.topic, 0, 0, 0, output.key, output.value, output.headers)


@pytest.fixture
def accounts() -> ToldAccounts:
    return ToldAccounts()


def tell(accounts: ToldAccounts, event: AccountChanged) -> None:
    accounts.apply(record(event), event)


def test_an_account_is_the_same_on_the_other_side_of_the_topic_but_for_its_name_and_access() -> None:
    assert account_of(read_account(record(event_of(ACCOUNT, AT)))) == ACCOUNT


def test_a_later_version_counts_and_an_earlier_one_or_a_repeat_does_not(accounts: ToldAccounts) -> None:
    for version, state in ((2, AccountState.ACTIVE), (3, AccountState.SUSPENDED), (2, AccountState.ACTIVE)):
        tell(accounts, told(version, state))
    account = accounts.of(ACME)
    assert account is not None
    assert (account.version, account.state) == (3, AccountState.SUSPENDED)
    assert accounts.all() == [account]


def test_a_closed_account_is_none_and_stays_none(accounts: ToldAccounts) -> None:
    tell(accounts, told(2, AccountState.CLOSED))
    tell(accounts, told(1))
    assert accounts.of(ACME) is None
    assert accounts.all() == []


def test_a_tombstone_ends_an_account_and_a_repeat_is_nothing(accounts: ToldAccounts) -> None:
    tell(accounts, told(1))
    for _ in range(2):
        accounts.apply(TOMBSTONE, None)
        assert accounts.of(ACME) is None
    tell(accounts, told(1))
    assert accounts.of(ACME) is not None


def test_another_event_on_the_topic_is_a_bad_record() -> None:
    with pytest.raises(BadRecord):
        read_account(Record("config.accounts", 0, 0, 0, b"acme", b"{}", (("ce_type", b"no.budstikke.x.v1"),)))
