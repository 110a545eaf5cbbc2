"""`provision-demo` makes one account and one key, keeps what works, and shows the key to nobody."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

from services.ingest.accounts.keys import parse
from services.ingest.accounts.store import DATABASE, AccountStore
from shared.stores.mongodb import MongoStore
from tests.integration.ingest.api.conftest import CLOCK


async def provision(mongodb: str, key_file: Path) -> str:
    """Run the command; what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.ingest",
        "provision-demo",
        "--key-file",
        str(key_file),
        env={**os.environ, "BUDSTIKKE_MONGODB": mongodb},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output
    return output.decode()


async def test_a_second_run_keeps_a_key_that_works_and_replaces_one_that_does_not(mongodb: str, tmp_path: Path) -> None:
    key_file = tmp_path / "keys" / "demo-key"
    printed = await provision(mongodb, key_file)
    first = key_file.read_text().strip()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert first not in printed
    await provision(mongodb, key_file)
    assert key_file.read_text().strip() == first
    presented = parse(first)
    assert presented is not None
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    try:
        accounts = AccountStore(store)
        grant = await accounts.grant(presented.key_id)
        assert grant is not None
        assert (grant.account.account_id, grant.account.default_sender) == ("demo", "Budstikke")
        await accounts.revoke_key(presented.key_id, CLOCK.now())
        await provision(mongodb, key_file)
        second = parse(key_file.read_text().strip())
        assert second is not None
        assert second.key_id != presented.key_id
        assert await accounts.grant(second.key_id) is not None
        assert await accounts.grant(presented.key_id) is None
    finally:
        await store.stop(5.0)


async def test_a_missing_setting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUDSTIKKE_MONGODB", raising=False)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.ingest",
        "provision-demo",
        "--key-file",
        str(tmp_path / "k"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert b"BUDSTIKKE_MONGODB" in told
