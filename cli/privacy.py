"""The commands `privacy`: erase a person, legal holds, periods, proof. For staff."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from cli import retaining
from cli.administering import KeyFile, commands
from cli.canary import Canary
from cli.exits import HELP, Exit, Failure
from cli.gateway import SECONDS, Gateway
from cli.running import Api, Json, Timeout, failures, print_lines, show
from cli.settings import STAFF, find_access
from shared.clock import SystemClock
from shared.privacy.proof import ProofRecord, faults

privacy = commands(
    "Erase a person, legal holds, periods, proof. For staff with the role admin.",
    "privacy erase skole --number +4790000001",
    "privacy order erase-skole-2026-11-23-5f0c1e7a7d0b4c399f381a2b",
    "privacy policy skole --months 24 --reason 'complaints may come for two years'",
    "privacy holds",
    "privacy hold skole --number +4790000001 --reason dispute",
    "privacy release lh_5c1f0a9be27d4483a6f01c22",
    "privacy proof",
    "privacy verify --head 9f2c…",
    "privacy canary --number +4799999999",
)


class Basis(StrEnum):
    """Who wants it."""

    REQUEST = "request"
    INSTRUCTION = "instruction"


class HoldReason(StrEnum):
    """The class of the reason."""

    CRIMINAL_SUSPICION = "criminal_suspicion"
    DISPUTE = "dispute"


Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id of an account.")]
Number = Annotated[str, typer.Option("--number", metavar="NUMBER", help="+47…; - reads it from standard input.")]
OneNumber = Annotated[
    str | None, typer.Option("--number", metavar="NUMBER", help="On this person alone; - reads it from standard input.")
]


@contextmanager
def _retention(json: bool, api: str | None, key_file: Path | None, timeout: float) -> Iterator[retaining.Retention]:
    with failures(json), Gateway(find_access(api, key_file, os.environ, names=STAFF), seconds=timeout) as gateway:
        yield retaining.Retention(gateway)


@privacy.command("erase", epilog=HELP)
def erase(
    account: Account,
    number: Number,
    basis: Annotated[Basis, typer.Option("--basis", help="Who wants it.")] = Basis.REQUEST,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Erase a person from everything of an account. It cannot be taken back."""
    with _retention(json, api, key_file, timeout) as retention:
        found, octets = retention.erase(account, _given(number), basis.value)
        show(json, octets, lambda: retaining.order(found))


@privacy.command("order", epilog=HELP)
def order(
    order_id: Annotated[str, typer.Argument(metavar="ORDER", help="Id of an order, from `erase` or `proof`.")],
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Show how far an order is, and what came of it."""
    with _retention(json, api, key_file, timeout) as retention:
        found, octets = retention.order(order_id)
        show(json, octets, lambda: retaining.order(found))


@privacy.command("policy", epilog=HELP)
def policy(
    account: Account,
    months: Annotated[int | None, typer.Option("--months", help="Set it: 3 to 120.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; needed above 18 months.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Set nothing: show what would go.")] = False,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Show how long an account's data live, or set it. A shorter period deletes what is older, for ever."""
    with _retention(json, api, key_file, timeout) as retention:
        if months is None:
            found, octets = retention.policy(account)
        else:
            found, octets = retention.set_policy(account, months, reason, dry_run=dry_run)
        show(json, octets, lambda: retaining.policy(found))


@privacy.command("holds", epilog=HELP)
def holds(
    closed: Annotated[bool, typer.Option("--closed", help="Those that were closed.")] = False,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """List legal holds, the oldest first."""
    with _retention(json, api, key_file, timeout) as retention:
        found, octets = retention.holds(closed=closed)
        show(json, octets, lambda: retaining.holds(found.holds))


@privacy.command("hold", epilog=HELP)
def open_hold(
    account: Account,
    reason: Annotated[HoldReason, typer.Option("--reason", help="The class of the reason.")],
    number: OneNumber = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Open a legal hold: what it covers is neither purged nor erased until it is closed."""
    with _retention(json, api, key_file, timeout) as retention:
        found, octets = retention.open_hold(account, reason.value, None if number is None else _given(number))
        show(json, octets, lambda: retaining.holds([found]))


@privacy.command("release", epilog=HELP)
def close_hold(
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="Id of a legal hold, from `holds`.")],
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Close a legal hold, and purge at once what it kept."""
    with _retention(json, api, key_file, timeout) as retention:
        found, octets = retention.close_hold(hold)
        show(json, octets, lambda: retaining.holds([found]))


@privacy.command("proof", epilog=HELP)
def proof(api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS) -> None:
    """List the records of the proof."""
    with _retention(False, api, key_file, timeout) as retention:
        for page in retention.proof():
            print_lines(retaining.records(page))


@privacy.command("verify", epilog=HELP)
def verify(
    head: Annotated[
        str | None, typer.Option("--head", metavar="HASH", help="A hash that was shown before and kept elsewhere.")
    ] = None,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Check here that the proof hangs together: no record was changed, taken out or put in; with --head also that
    nothing up to that record was cut off or made anew. Keep the last hash that it shows where nobody here can write.
    """
    last: ProofRecord | None = None

    def read(retention: retaining.Retention) -> Iterator[ProofRecord]:
        nonlocal last
        for record in chain.from_iterable(retention.proof()):
            last = record
            yield record

    with _retention(False, api, key_file, timeout) as retention:
        found = list(faults(read(retention), head))
        if found:
            print_lines(retaining.faulty(found))
            raise Failure(Exit.DIFFERENCES, "the proof does not hang together")
        number, shown = (0, "none") if last is None else (last.number, last.hash)
        print_lines([f"{number} records hang together; the last hash is {shown}"])


@privacy.command("canary", epilog=HELP)
def canary(
    number: Annotated[str, typer.Option("--number", metavar="NUMBER", help="+47…, of nobody the account writes to.")],
    patience: Annotated[float, typer.Option("--for", min=1.0, max=3600.0, help="Longest wait, seconds.")] = 300.0,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Prove that forgetting works, in the running system: a test message, an erasure, and a look at what is left. With
    an account's key of the scopes send, read and admin. Everything of the number in the account goes.
    """
    with failures(False), Gateway(find_access(api, key_file, os.environ), seconds=timeout) as gateway:
        for line in Canary(gateway, SystemClock(), time.sleep, seconds=patience).fly(number):
            print_lines([line])


def _given(number: str) -> str:
    """The number itself, so that it need not stand among the arguments, which others on the machine can see."""
    return sys.stdin.readline().strip() if number == "-" else number
