"""Budstikke as other gateways are measured: `tests/bench/peers/start`, by the words of `budstikke.json`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.settings import ROOT
from services.ingest.accounts.account import Key
from services.ingest.accounts.keys import ALL_SCOPES, parse
from services.ingest.accounts.provision import DEMO
from services.ingest.accounts.store import DATABASE, AccountStore
from shared.stores.mongodb import MongoStore
from tests.acceptance.system import read_env
from tests.bench.whole import NO_LIMITS, operators

_DESCRIPTION = Path(__file__).with_name("budstikke.json")
_WARM_UP = 5_000
_PATIENCE = 150.0


def gateway(folder: Path, smsc_port: int) -> None:
    """Become `make run` in front of the SMSC. Its data are in the folder, and are used again when they are there."""
    file = folder / "operators.yaml"
    file.write_text(operators(smsc_port, window=50))
    port = json.loads(_DESCRIPTION.read_text())["port"]
    told = {"VAR": str(folder / "var"), "PORT_BASE": str(port), "OPERATORS": str(file)}
    os.execve(sys.executable, [sys.executable, "-m", "deploy.local", "run"], os.environ | NO_LIMITS | told)


def warm(folder: Path, port: int) -> None:
    """Wait until it is ready, make the description's key good, and send test messages: the broker's code is compiled
    by then. Then listen, and stay.
    """
    local_env = folder / "var/local.env"
    until = time.monotonic() + _PATIENCE
    while not local_env.exists():
        if time.monotonic() > until:
            raise SystemExit("the gateway is not ready")
        time.sleep(0.1)
    told = read_env(local_env)
    description = json.loads(_DESCRIPTION.read_text())
    asyncio.run(_let_in(told["BUDSTIKKE_MONGODB"], description["header"].rpartition(" ")[2]))
    work = {
        "port": description["port"],
        "n": _WARM_UP,
        "method": "POST",
        "request": description["request"],
        "header": description["header"],
        "body": '{"to": "+4477{n}", "text": "{rawtext}", "test": true}',
        "log": folder / "warm.csv",
    }
    words = [word for key, value in work.items() for word in (f"--{key}", str(value))]
    subprocess.run([sys.executable, "-m", "tests.bench.ends", "http-load", *words], cwd=ROOT, check=True)
    time.sleep(2)  # what it left to do
    with socket.create_server(("127.0.0.1", port)):
        signal.pause()


async def _let_in(mongodb: str, text: str) -> None:
    key = parse(text)
    assert key is not None
    database = MongoStore(mongodb, DATABASE)
    await database.start()
    store = AccountStore(database)
    if await store.grant(key.key_id) is None:
        await store.add_key(Key(key.key_id, DEMO.account_id, key.digest, ALL_SCOPES, datetime.now(UTC)))
    await database.stop(5.0)


if __name__ == "__main__":
    {"gateway": gateway, "warm": warm}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
