"""The commands `provision-demo` and `provision-staff`: arguments, settings and exit code around `provision`."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from services.ingest.accounts.provision import provision_demo, provision_staff
from services.ingest.accounts.store import DATABASE
from services.ingest.settings import ProvisionSettings
from shared.clock import Clock, SystemClock
from shared.errors import BadSettings, BudstikkeError
from shared.settings import load
from shared.stores.mongodb import MongoStore

COMMAND: Final = "provision-demo"
STAFF_COMMAND: Final = "provision-staff"

_CLOSE_SECONDS: Final = 5.0

Provision = Callable[[MongoStore, Path, Clock], Awaitable[bool]]


def provision(arguments: Sequence[str]) -> int:
    """Make the demo account. Returns the exit code of `_run`."""
    return _run(COMMAND, "demo account", "Make the demo account and a key.", arguments, provision_demo)


def provision_first_admin(arguments: Sequence[str]) -> int:
    """Make a personal key with the role admin. Returns the exit code of `_run`."""
    return _run(STAFF_COMMAND, "staff", "Make a personal key with the role admin.", arguments, provision_staff)


def _run(command: str, what: str, description: str, arguments: Sequence[str], act: Provision) -> int:
    """Run a command. Returns its exit code: 0 done, 1 the database does not answer, 2 a bad argument or setting."""
    parser = ArgumentParser(prog=f"python -m services.ingest {command}", description=description)
    parser.add_argument("--key-file", type=Path, required=True, help="where the key is kept, readable by you alone")
    key_file: Path = parser.parse_args(arguments).key_file
    try:
        made = asyncio.run(_provision(load(ProvisionSettings), key_file, act))
    except BudstikkeError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201
        return 2 if isinstance(error, BadSettings) else 1
    print(f"{what}: {'a new key was written' if made else 'the key that is there still works'}")  # noqa: T201
    return 0


async def _provision(settings: ProvisionSettings, key_file: Path, act: Provision) -> bool:
    store = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    try:
        await store.start()
        return await act(store, key_file, SystemClock())
    finally:
        await store.stop(_CLOSE_SECONDS)
