"""The command `provision-client`: arguments, settings and exit code around `provision_client`."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.ingest.accounts.store import DATABASE, AccountStore
from services.ingest.settings import ProvisionClientSettings
from shared.errors import BudstikkeError, Disposition
from shared.ids import AccountId
from shared.settings import load
from shared.stores.mongodb import MongoStore

COMMAND: Final = "provision-client"

_CLOSE_SECONDS: Final = 5.0


def provision(arguments: Sequence[str]) -> int:
    """Run the command. Returns its exit code: 0 done, 1 database or broker are away, 2 a bad argument or setting."""
    parser = ArgumentParser(
        prog=f"python -m services.ingest {COMMAND}",
        description="Let the systems of an account in over Kafka: its topics, its user, its access list.",
    )
    parser.add_argument("account", type=AccountId)
    parser.add_argument(
        "--credentials-file", type=Path, required=True, help="where user and password are kept, readable by you alone"
    )
    given = parser.parse_args(arguments)
    try:
        made = asyncio.run(_provision(load(ProvisionClientSettings), given.account, given.credentials_file))
    except BudstikkeError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201
        return 1 if error.disposition is Disposition.RETRY else 2
    done = "a new password was written" if made else "the password that is there is kept"
    print(f"client-{given.account}: {done}")  # noqa: T201
    return 0


async def _provision(settings: ProvisionClientSettings, account_id: AccountId, credentials_file: Path) -> bool:
    # The library behind it takes half a second to load: roles, which are started by the same module, go without.
    from services.ingest.clients.provision import provision_client

    store = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    try:
        await store.start()
        return await provision_client(AccountStore(store), settings.kafka, account_id, credentials_file)
    finally:
        await store.stop(_CLOSE_SECONDS)
