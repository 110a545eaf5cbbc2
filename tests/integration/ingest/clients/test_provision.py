"""An account's systems are let in, and nobody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiokafka
import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from deploy.local.kafka import Kafka
from deploy.local.settings import ROOT
from services.ingest.accounts.account import Account
from services.ingest.accounts.store import AccountStore
from services.ingest.clients.provision import provision_client
from shared.errors import Refused, TryLater
from shared.ids import AccountId
from shared.stores.mongodb import MongoStore
from tests.integration.ingest.clients.systems import ClientSystem

ACME, OTHER = AccountId("acme"), AccountId("acme-2")


@pytest.fixture
async def store(mongodb: str) -> AsyncIterator[AccountStore]:
    mongo = MongoStore(mongodb, "ingest_clients_provision")
    await mongo.start()
    accounts = AccountStore(mongo)
    for account_id in (ACME, OTHER):
        await accounts.add_account(Account(account_id=account_id, name=account_id))
    try:
        yield accounts
    finally:
        await mongo.database.client.drop_database("ingest_clients_provision")
        await mongo.stop(5.0)


@pytest.fixture
async def acme(secured: Kafka, store: AccountStore, tmp_path: Path) -> ClientSystem:
    await provision_client(store, secured.bootstrap, ACME, tmp_path / "acme.env")
    return ClientSystem.of(secured, tmp_path / "acme.env")


async def test_an_account_writes_its_requests_and_reads_its_events(
    secured: Kafka, acme: ClientSystem, tmp_path: Path
) -> None:
    await acme.write("clients.acme.requests", b"{}")
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=secured.bootstrap) as ours:
        await ours.send_and_wait("clients.acme.events", b"told")
    assert await acme.read("clients.acme.events", "client-acme.crm", 1) == [b"told"]
    assert (tmp_path / "acme.env").stat().st_mode & 0o777 == 0o600


async def test_another_accounts_user_is_refused(
    secured: Kafka, store: AccountStore, acme: ClientSystem, tmp_path: Path
) -> None:
    await provision_client(store, secured.bootstrap, OTHER, tmp_path / "other.env")
    other = ClientSystem.of(secured, tmp_path / "other.env")
    with pytest.raises(TopicAuthorizationFailedError):
        await other.write("clients.acme.requests", b"{}")
    with pytest.raises(TopicAuthorizationFailedError):
        await other.read("clients.acme.events", "client-acme-2.crm", 1)
    with pytest.raises(GroupAuthorizationFailedError):
        await other.read("clients.acme-2.events", "client-acme.crm", 1)


async def test_a_client_system_gets_at_nothing_of_ours(secured: Kafka, acme: ClientSystem) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await acme.write("sms.requests.express", b"{}")
    with pytest.raises(TopicAuthorizationFailedError):
        await acme.read("clients.acme.requests", "client-acme.crm", 1)
    with pytest.raises(TopicAuthorizationFailedError):
        await acme.write("clients.acme.events", b"{}")


async def test_a_wrong_password_is_refused(acme: ClientSystem) -> None:
    with pytest.raises(KafkaError):
        await acme.with_password("guess").write("clients.acme.requests", b"{}")


async def test_a_repeat_keeps_the_password_and_a_lost_file_replaces_it(
    secured: Kafka, store: AccountStore, acme: ClientSystem, tmp_path: Path
) -> None:
    before = (tmp_path / "acme.env").read_text()
    assert not await provision_client(store, secured.bootstrap, ACME, tmp_path / "acme.env")
    assert (tmp_path / "acme.env").read_text() == before
    assert await provision_client(store, secured.bootstrap, ACME, tmp_path / "new.env")
    await ClientSystem.of(secured, tmp_path / "new.env").write("clients.acme.requests", b"{}")
    with pytest.raises(KafkaError):
        await acme.write("clients.acme.requests", b"{}")


async def test_an_account_that_does_not_exist_is_not_let_in(
    secured: Kafka, store: AccountStore, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="no_such_account"):
        await provision_client(store, secured.bootstrap, AccountId("nobody"), tmp_path / "nobody.env")
    assert not (tmp_path / "nobody.env").exists()


async def test_a_broker_that_does_not_answer_is_another_time(store: AccountStore, tmp_path: Path) -> None:
    with pytest.raises(TryLater):
        await provision_client(store, "127.0.0.1:9", ACME, tmp_path / "acme.env")


async def test_the_command_says_what_it_did_and_never_the_password(
    secured: Kafka, mongodb: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "BUDSTIKKE_KAFKA": secured.bootstrap, "BUDSTIKKE_MONGODB": mongodb}
    mongo = MongoStore(mongodb, "ingest")
    await mongo.start()
    await AccountStore(mongo).add_account(Account(account_id=AccountId("by-command"), name="By command"))
    await mongo.stop(5.0)
    path = tmp_path / "by-command.env"

    def run(account: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "services.ingest", "provision-client", account, "--credentials-file", path]
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60)

    first, second, unknown = run("by-command"), run("by-command"), run("nobody")
    password = path.read_text().split("PASSWORD=")[1].strip()
    assert (first.returncode, first.stdout) == (0, "client-by-command: a new password was written\n")
    assert (second.returncode, second.stdout) == (0, "client-by-command: the password that is there is kept\n")
    assert unknown.returncode == 2
    assert unknown.stderr == "no_such_account: there is no account nobody, or it is closed\n"
    assert password not in first.stdout + first.stderr
