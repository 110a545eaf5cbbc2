"""The commands `clients`: accounts whose own systems come in over Kafka."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Final

import typer

from cli import output
from cli.administering import AccountId, KeyFile, commands
from cli.administration import Administration, Client
from cli.credentials import kept_in
from cli.exits import HELP
from cli.gateway import SECONDS, Gateway
from cli.running import Api, Json, Timeout, failures, show, show_pages
from cli.settings import STAFF, find_access

USER: Final = "BUDSTIKKE_KAFKA_USER"
PASSWORD: Final = "BUDSTIKKE_KAFKA_PASSWORD"  # noqa: S105 - a name
BOOTSTRAP: Final = "BUDSTIKKE_KAFKA_CLIENTS"

Ask = Callable[[Administration], tuple[Client, bytes]]
CredentialsFile = Annotated[
    Path | None,
    typer.Option(
        "--credentials-file",
        metavar="FILE",
        help="Write address, user and password there, readable by you alone, instead of printing the password.",
    ),
]

clients = commands(
    "Accounts whose own systems come in over Kafka. For staff. A password is shown once.",
    "clients create skole --credentials-file skole.env",
    "clients list",
    "clients rotate skole --credentials-file skole.env",
    "clients revoke skole",
)


@clients.command("create", epilog=HELP)
def create_client(
    account: AccountId,
    credentials_file: CredentialsFile = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Let an account's systems in: its pair of topics, its user, its access list.

    The password is shown once: on standard output, alone on the last line. For an account that is in already, a repeat
    makes what is missing and keeps the password.
    """
    _let_in(lambda one: one.create_client(account), credentials_file, json, api, key_file, timeout)


@clients.command("rotate", epilog=HELP)
def rotate_client(
    account: AccountId,
    credentials_file: CredentialsFile = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Replace the password now. It is shown once: on standard output, alone on the last line."""
    _let_in(lambda one: one.rotate_client(account), credentials_file, json, api, key_file, timeout)


@clients.command("list", epilog=HELP)
def list_clients(json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS) -> None:
    """List the accounts whose systems come in."""
    with failures(json), _administration(api, key_file, timeout) as one:
        show_pages(json, one.clients(), lambda page: output.clients(page.clients))


@clients.command("revoke", epilog=HELP)
def revoke_client(
    account: AccountId,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Shut an account's systems out now, open connections too. The topics stay, with what is on them."""
    with failures(json), _administration(api, key_file, timeout) as one:
        one.revoke_client(account)


def _let_in(
    ask: Ask, credentials_file: Path | None, json: bool, api: str | None, key_file: Path | None, timeout: float
) -> None:
    if json and credentials_file is not None:
        raise typer.BadParameter("--json prints the password; give one of the two", param_hint="--credentials-file")
    with (
        failures(json),
        nullcontext() if credentials_file is None else kept_in(credentials_file) as write,
        _administration(api, key_file, timeout) as one,
    ):
        made, octets = ask(one)
        if write is not None and made.password is not None:
            write({BOOTSTRAP: made.bootstrap, USER: made.user, PASSWORD: made.password})
        show(json, octets, lambda: _lines(made, hidden=write is not None))
        if made.password is None:
            typer.echo("the password is the one shown before; `budstikke clients rotate` makes another", err=True)


@contextmanager
def _administration(api: str | None, key_file: Path | None, timeout: float) -> Iterator[Administration]:
    with Gateway(find_access(api, key_file, os.environ, names=STAFF), seconds=timeout) as gateway:
        yield Administration(gateway)


def _lines(made: Client, *, hidden: bool) -> Iterator[str]:
    yield from output.clients([made])
    if made.password is not None and not hidden:
        yield made.password
