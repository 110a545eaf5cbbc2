"""The commands for staff: `accounts`, `keys`, `staff`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import output
from cli.administration import Administration
from cli.exits import HELP
from cli.gateway import SECONDS, Gateway
from cli.running import Api, Json, Timeout, failures, show, show_pages
from cli.settings import STAFF, find_access
from shared.contracts.words import Lane

_ACCESS: Final = (
    "The address comes from --api, BUDSTIKKE_API or var/local.env; the staff key from --key-file, BUDSTIKKE_STAFF_KEY, "
    "BUDSTIKKE_STAFF_KEY_FILE or var/local.env."
)


class Use(StrEnum):
    """What a key is for."""

    SEND = "send"
    READ = "read"
    ADMIN = "admin"
    TEST = "test"


class Role(StrEnum):
    """What a person does."""

    DESK = "desk"
    OPERATIONS = "operations"
    FINANCE = "finance"
    ADMIN = "admin"


_SCOPES: Final = {Use.SEND: "messages:send", Use.READ: "messages:read", Use.ADMIN: "admin", Use.TEST: "test"}

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="File that holds the staff key [env: BUDSTIKKE_STAFF_KEY_FILE; or the key itself: BUDSTIKKE_STAFF_KEY].",
    ),
]
AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id of an account.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Id of a key, from `list`: the 16 characters, no secret.")]
Lanes = Annotated[list[Lane] | None, typer.Option("--lane", help="Only this lane; may be given many times.")]
Senders = Annotated[list[str] | None, typer.Option("--from", metavar="SENDER", help="Only this sender; many times.")]
Premium = Annotated[bool, typer.Option("--premium", help="Only premium messages.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; kept on the audit record.")]


def commands(what: str, *examples: str) -> typer.Typer:
    """A group of commands for staff, with examples of its use."""
    listed = "\n".join(f"  budstikke {example}" for example in examples)
    return typer.Typer(
        help=f"{what}\n\n{_ACCESS}\n\n\b\nExamples:\n{listed}\n",
        epilog=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
    )


accounts = commands(
    "Accounts: who may send. For staff.",
    "accounts list",
    "accounts create skole --organisation nordvik --new-organisation 'Nordvik kommune' --name 'Nordvik skole'",
    "accounts change skole --from Skolen --from SFO --domain skole.example --quiet 20 8",
    "accounts suspend skole --lane bulk --reason 'complaints'",
    "accounts resume skole",
    "accounts close skole --yes",
)
keys = commands(
    "Keys of accounts. For staff. A new key is shown once.",
    "keys create skole --name web",
    "keys create skole --name trial --for send --for read --for test",
    "keys rotate skole 0123456789abcdef --overlap 86400",
    "keys revoke skole 0123456789abcdef",
)
staff = commands(
    "Personal keys of the people on our side. A new key is shown once.",
    "staff list",
    "staff create --name 'Kari Nordmann' --role desk",
    "staff revoke 0123456789abcdef",
)


@contextmanager
def _administration(json: bool, api: str | None, key_file: Path | None, timeout: float) -> Iterator[Administration]:
    with (
        failures(json),
        Gateway(find_access(api, key_file, os.environ, names=STAFF), seconds=timeout) as gateway,
    ):
        yield Administration(gateway)


@accounts.command("list", epilog=HELP)
def list_accounts(json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS) -> None:
    """List all accounts."""
    with _administration(json, api, key_file, timeout) as administration:
        show_pages(json, administration.accounts(), lambda page: output.accounts(page.accounts))


@accounts.command("show", epilog=HELP)
def show_account(
    account: AccountId, json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS
) -> None:
    """Show one account: what it may send as and link to, and when its marketing waits."""
    with _administration(json, api, key_file, timeout) as administration:
        found, octets = administration.account(account)
        show(json, octets, lambda: output.account(found))


@accounts.command("create", epilog=HELP)
def create_account(
    account: AccountId,
    organisation: Annotated[str, typer.Option("--organisation", metavar="ID", help="Whose account it is.")],
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    new_organisation: Annotated[
        str | None,
        typer.Option("--new-organisation", metavar="NAME", help="Create the organisation first, if there is none."),
    ] = None,
    sender: Annotated[str | None, typer.Option("--from", metavar="SENDER", help="Its default sender.")] = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Create an account. It has no key yet: see `budstikke keys create`."""
    body: dict[str, Any] = {"id": account, "organisation": organisation, "name": name}
    if sender is not None:
        body["default_sender"] = sender
    with _administration(json, api, key_file, timeout) as administration:
        if new_organisation is not None:
            administration.create_organisation(organisation, new_organisation)
        made, octets = administration.create_account(body)
        show(json, octets, lambda: output.accounts([made]))


@accounts.command("change", epilog=HELP)
def change_account(
    account: AccountId,
    senders: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="SENDER", help="A registered sender, beside the default one; many times."),
    ] = None,
    domains: Annotated[
        list[str] | None, typer.Option("--domain", metavar="DOMAIN", help="A domain it may link to; many times.")
    ] = None,
    quiet: Annotated[
        tuple[int, int] | None,
        typer.Option("--quiet", metavar="FROM TO", help="Hours in which marketing waits; 0 0 for none."),
    ] = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Say what an account may send as and link to, and when its marketing waits. Lists are given whole."""
    given = {"senders": senders, "domains": domains, "quiet_hours": quiet and {"from": quiet[0], "to": quiet[1]}}
    body = {name: value for name, value in given.items() if value is not None}
    if not body:
        raise typer.BadParameter("give at least one of --from, --domain, --quiet")
    with _administration(json, api, key_file, timeout) as administration:
        changed, octets = administration.change_account(account, body)
        show(json, octets, lambda: output.account(changed))


@accounts.command("suspend", epilog=HELP)
def suspend_account(
    account: AccountId,
    lanes: Lanes = None,
    senders: Senders = None,
    premium: Premium = False,
    reason: Reason = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Stop an account from sending, wholly or in part. It may still read."""
    with _administration(json, api, key_file, timeout) as administration:
        changed, octets = administration.act(account, "suspend", _part(lanes, senders, premium, reason))
        show(json, octets, lambda: output.accounts([changed]))


@accounts.command("resume", epilog=HELP)
def resume_account(
    account: AccountId,
    lanes: Lanes = None,
    senders: Senders = None,
    premium: Premium = False,
    reason: Reason = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Let an account send again: what is named, or everything."""
    with _administration(json, api, key_file, timeout) as administration:
        changed, octets = administration.act(account, "resume", _part(lanes, senders, premium, reason))
        show(json, octets, lambda: output.accounts([changed]))


@accounts.command("close", epilog=HELP)
def close_account(
    account: AccountId,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, for ever.")] = False,
    reason: Reason = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Close an account, for ever: its keys are refused from then on."""
    if not yes:
        raise typer.BadParameter("closing is for ever; say that you mean it", param_hint="--yes")
    with _administration(json, api, key_file, timeout) as administration:
        changed, octets = administration.act(account, "close", {"reason": reason} if reason else {})
        show(json, octets, lambda: output.accounts([changed]))


@keys.command("list", epilog=HELP)
def list_keys(
    account: AccountId, json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS
) -> None:
    """List the keys of an account, revoked ones too."""
    with _administration(json, api, key_file, timeout) as administration:
        show_pages(json, administration.keys(account), lambda page: output.keys(page.keys))


@keys.command("create", epilog=HELP)
def create_key(
    account: AccountId,
    name: Annotated[str, typer.Option("--name", help="What the key is for, for people.")],
    uses: Annotated[list[Use] | None, typer.Option("--for", help="What it may do; send and read if absent.")] = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Make a key. It is shown once: on standard output, alone on the last line."""
    with _administration(json, api, key_file, timeout) as administration:
        made, octets = administration.create_key(account, name, [_SCOPES[use] for use in uses or ()])
        show(json, octets, lambda: [*output.keys([made]), made.key or ""])


@keys.command("rotate", epilog=HELP)
def rotate_key(
    account: AccountId,
    key: KeyId,
    overlap: Annotated[
        int, typer.Option("--overlap", min=0, max=2_592_000, help="Seconds for which the old key stays good.")
    ] = 86_400,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Make a new key in place of one. It is shown once: on standard output, alone on the last line."""
    with _administration(json, api, key_file, timeout) as administration:
        made, octets = administration.rotate_key(account, key, overlap)
        show(json, octets, lambda: [*output.keys([made]), made.key or ""])


@keys.command("revoke", epilog=HELP)
def revoke_key(
    account: AccountId,
    key: KeyId,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """End a key now; it is refused everywhere within 2 s."""
    with _administration(json, api, key_file, timeout) as administration:
        administration.revoke_key(account, key)


@staff.command("list", epilog=HELP)
def list_staff(json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS) -> None:
    """List personal keys, revoked ones too."""
    with _administration(json, api, key_file, timeout) as administration:
        show_pages(json, administration.staff(), lambda page: output.staff(page.staff))


@staff.command("create", epilog=HELP)
def create_staff(
    name: Annotated[str, typer.Option("--name", help="Who it is.")],
    role: Annotated[Role, typer.Option("--role", help="What they do.")],
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Make a personal key. It is shown once: on standard output, alone on the last line."""
    with _administration(json, api, key_file, timeout) as administration:
        made, octets = administration.create_staff(name, role)
        show(json, octets, lambda: [*output.staff([made]), made.key or ""])


@staff.command("revoke", epilog=HELP)
def revoke_staff(
    key: KeyId, json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS
) -> None:
    """End a personal key now."""
    with _administration(json, api, key_file, timeout) as administration:
        administration.revoke_staff(key)


def _part(lanes: list[Lane] | None, senders: list[str] | None, premium: bool, reason: str | None) -> dict[str, Any]:
    given = {"lanes": lanes or None, "senders": senders or None, "premium": premium or None, "reason": reason}
    return {name: value for name, value in given.items() if value is not None}
