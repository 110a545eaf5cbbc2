"""The commands `provision-demo`, `provision-number` and `activate-keyword`: arguments, settings and exit codes."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from services.dlr.inbound.keyword import StopScope
from services.dlr.inbound.provision import activate_keyword, provision_demo, provision_number
from services.dlr.inbound.store import InboundStore
from services.dlr.settings import ProvisionSettings
from services.dlr.status.store import DATABASE
from shared.clock import SystemClock
from shared.errors import BadSettings, BudstikkeError
from shared.ids import AccountId
from shared.settings import load
from shared.stores.mongodb import MongoStore

DEMO: Final = "provision-demo"
NUMBER: Final = "provision-number"
ACTIVATE: Final = "activate-keyword"

_CLOSE_SECONDS: Final = 5.0

Act = Callable[[InboundStore], Awaitable[str]]


def demo(arguments: Sequence[str]) -> int:
    """A number and keywords for the demo account. Returns the exit code of `_run`."""
    _parser(DEMO, "Make a short number with keywords for the demo account.").parse_args(arguments)

    async def act(store: InboundStore) -> str:
        await provision_demo(store, SystemClock())
        return "incoming: the demo account has its number"

    return _run(act)


def number(arguments: Sequence[str]) -> int:
    """Whose a number is. Returns the exit code of `_run`."""
    parser = _parser(NUMBER, "Say whose the messages to a number are.")
    parser.add_argument("number", help="short number, or E.164")
    parser.add_argument("--account", help="whose it is; without, it is shared")
    parser.add_argument("--stop", choices=list(StopScope), default=StopScope.ACCOUNT, help="what STOP ends")
    given = parser.parse_args(arguments)
    account = None if given.account is None else AccountId(given.account)

    async def act(store: InboundStore) -> str:
        await provision_number(store, given.number, account, StopScope(given.stop), SystemClock())
        return "number: " + ("shared" if account is None else f"the messages are those of {account}")

    return _run(act)


def activate(arguments: Sequence[str]) -> int:
    """Let an ordered keyword answer. Returns the exit code of `_run`."""
    parser = _parser(ACTIVATE, "Let a keyword on a shared number answer.")
    parser.add_argument("keyword", help="its id, kw_…")
    keyword: str = parser.parse_args(arguments).keyword

    async def act(store: InboundStore) -> str:
        await activate_keyword(store, keyword)
        return "keyword: it answers"

    return _run(act)


def _parser(command: str, description: str) -> ArgumentParser:
    return ArgumentParser(prog=f"python -m services.dlr {command}", description=description)


def _run(act: Act) -> int:
    """Returns the exit code: 0 done, 1 refused or the database does not answer, 2 a bad setting."""
    try:
        said = asyncio.run(_with_store(load(ProvisionSettings), act))
    except BudstikkeError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201
        return 2 if isinstance(error, BadSettings) else 1
    print(said)  # noqa: T201
    return 0


async def _with_store(settings: ProvisionSettings, act: Act) -> str:
    mongo = MongoStore(settings.mongodb.get_secret_value(), DATABASE)
    try:
        await mongo.start()
        store = InboundStore(mongo)
        await store.prepare()
        return await act(store)
    finally:
        await mongo.stop(_CLOSE_SECONDS)
