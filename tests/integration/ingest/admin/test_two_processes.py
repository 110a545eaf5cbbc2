"""What is changed at one process holds at another within two seconds, counted from the answer."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from deploy.local.ports import free_port
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.keys import KeyKind, make
from services.ingest.accounts.staff import CONSOLE, Role, StaffKey
from services.ingest.accounts.store import DATABASE, AccountStore
from shared.contracts.topics import LOCAL, specs
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from shared.stores.mongodb import MongoStore
from shared.trust import trusted
from tests.integration.ingest.admin.conftest import Admin
from tests.integration.ingest.api.conftest import CLOCK, NO_VALKEY, SECRET
from tests.support import wait_until

PROMISED = 2.0
SEND = {"to": "99999999", "text": "Hei"}


@asynccontextmanager
async def process(kafka: str, mongodb: str, folder: Path) -> AsyncIterator[str]:
    """`python -m services.ingest api`, ready; its base URL."""
    api, health = free_port(), free_port()
    told = {
        "HEALTH_PORT": str(health),
        "API_PORT": str(api),
        "KAFKA": kafka,
        "MONGODB": mongodb,
        "VALKEY": NO_VALKEY,
        "KEY_STORE": str(folder / "keys"),
        "DLR_API": "http://127.0.0.1:9",
        "INTERNAL_SECRET": str(folder / "internal-secret"),
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.ingest",
        "api",
        env=os.environ | {f"BUDSTIKKE_{name}": value for name, value in told.items()},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(verify=trusted(), trust_env=False) as http:

            async def ready() -> bool:
                assert child.returncode is None
                try:
                    return (await http.get(f"http://127.0.0.1:{health}/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await wait_until(ready, deadline=60)
        yield f"http://127.0.0.1:{api}"
    finally:
        if child.returncode is None:
            child.terminate()
        await asyncio.wait_for(child.wait(), 30)


@pytest.fixture
async def office(kafka: str, mongodb: str, tmp_path: Path) -> AsyncIterator[Admin]:
    """An administrator at the first of two processes."""
    await create(KafkaSettings(bootstrap=kafka), specs([], LOCAL))
    (tmp_path / "internal-secret").write_text(SECRET)
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    try:
        await AccountStore(store).prepare()
        key = make(secrets.token_bytes, KeyKind.STAFF)
        await AccountBook(store, CLOCK).add_staff(
            CONSOLE, StaffKey(key.key_id, "Ola", Role.ADMIN, key.digest, CLOCK.now())
        )
        async with process(kafka, mongodb, tmp_path) as one, process(kafka, mongodb, tmp_path) as other:
            admin = Admin(one, other, key.text, store)
            try:
                yield admin
            finally:
                await admin.close()
    finally:
        await store.stop(5.0)


async def test_a_change_at_one_process_holds_at_the_other_within_two_seconds(office: Admin) -> None:
    account = await office.account()
    key = await office.key_of(account)
    elsewhere = office.at(office.urls[1], f"Bearer {key['key']}")
    assert (await elsewhere.post("/v1/messages", json=SEND)).status_code == 202
    path = f"/admin/accounts/{account}"
    away = {"ip_ranges": [{"from": "192.0.2.1", "to": "192.0.2.1"}]}
    changes: list[tuple[Callable[[], Awaitable[httpx.Response]], int]] = [
        (lambda: office.http.post(f"{path}/suspend"), 403),
        (lambda: office.http.post(f"{path}/resume"), 202),
        (lambda: office.http.put(f"{path}/access", json=away), 401),
        (lambda: office.http.put(f"{path}/access", json={"ip_ranges": []}), 202),
        (lambda: office.http.delete(f"{path}/keys/{key['id']}"), 401),
    ]
    loop = asyncio.get_running_loop()
    for act, status in changes:
        assert (await act()).is_success
        changed = loop.time()
        asked = changed

        async def holds(status: int = status) -> bool:
            nonlocal asked
            asked = loop.time()
            return (await elsewhere.post("/v1/messages", json=SEND)).status_code == status

        await wait_until(holds, deadline=PROMISED + 1, waiting_for=f"{status} at the other process")
        assert asked - changed <= PROMISED
