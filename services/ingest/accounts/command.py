"""The command `provision-demo`: arguments, settings and exit code around `provision_demo`."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.ingest.accounts.provision import provision_demo
from services.ingest.accounts.store import DATABASE, AccountStore
from services.ingest.settings import ProvisionSettings
from shared.clock import SystemClock
from shared.errors import BadSettings, BudstikkeError
from shared.settings import load
from shared.stores.mongodb import MongoStore

COMMAND: Final = "provision-demo"

_CLOSE_SECONDS: Final = 5.0


def provision(arguments: Sequence[str]) -> int:
    """Run the command. Returns its exit code: 0 done, 1 the database does not answer, 2 a bad argument or setting."""
    parser = ArgumentParser(prog=f"python -m services.ingest {COMMAND}", description="Make the demo account and a key.")
    parser.add_argument("--key-file", type=Path, required=True, help="where the key is kept, readable by you alone")
    key_file: Path = parser.parse_args(arguments).key_file
    try:
        made = asyncio.run(_provision(load(ProvisionSettings), key_file))
    except BudstikkeError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201
        return 2 if isinstance(error, BadSettings) else 1
    print(f"demo account: {'a new key was written' if made else 'the key that is there still works'}")  # noqa: T201
    return 0


async def _provision(settings: ProvisionSettings, key_file: Path) -> bool:
    store = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    try:
        await store.start()
        return await provision_demo(AccountStore(store), key_file, SystemClock())
    finally:
        await store.stop(_CLOSE_SECONDS)
