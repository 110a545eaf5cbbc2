"""The commands `holds`: what waits for a person, and what the person says. For staff."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import holding
from cli.administering import KeyFile, Reason, commands
from cli.exits import HELP
from cli.gateway import SECONDS, Gateway
from cli.running import Api, Json, Timeout, failures, show, show_pages
from cli.settings import STAFF, find_access

holds = commands(
    "Messages that wait for a person. For staff with the role desk or admin.",
    "holds list",
    "holds show hold_5c1f0a9be27d4483a6f01c22",
    "holds approve hold_5c1f0a9be27d4483a6f01c22 --remember-domains --reason 'known customer'",
    "holds reject hold_5c1f0a9be27d4483a6f01c22 --reason 'fraud'",
)


class HoldState(StrEnum):
    """Where a hold is."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    ALL = "all"


HoldId = Annotated[str, typer.Argument(metavar="HOLD", help="Id of a hold, from `list`.")]


@contextmanager
def _desk(json: bool, api: str | None, key_file: Path | None, timeout: float) -> Iterator[holding.Desk]:
    with (
        failures(json),
        Gateway(find_access(api, key_file, os.environ, names=STAFF), seconds=timeout) as gateway,
    ):
        yield holding.Desk(gateway)


@holds.command("list", epilog=HELP)
def list_holds(
    state: Annotated[HoldState, typer.Option("--state", help="Which ones.")] = HoldState.OPEN,
    account: Annotated[str | None, typer.Option("--account", metavar="ACCOUNT", help="Of this account alone.")] = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """List holds, the oldest first."""
    narrowed = {} if state is HoldState.ALL else {"state": state.value}
    if account is not None:
        narrowed["account"] = account
    with _desk(json, api, key_file, timeout) as desk:
        show_pages(json, desk.holds(**narrowed), lambda page: holding.holds(page.holds))


@holds.command("show", epilog=HELP)
def show_hold(
    hold: HoldId, json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS
) -> None:
    """Show one hold, and some of its messages without their recipients."""
    with _desk(json, api, key_file, timeout) as desk:
        found, octets = desk.hold(hold)
        show(json, octets, lambda: holding.hold(found))


@holds.command("approve", epilog=HELP)
def approve_hold(
    hold: HoldId,
    remember: Annotated[
        bool, typer.Option("--remember-domains", help="The account may link to the hold's domains from now on.")
    ] = False,
    reason: Reason = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Let the messages of a hold go, those that still come to it too."""
    _decide(hold, "approve", {"remember_domains": True} if remember else {}, reason, json, api, key_file, timeout)


@holds.command("reject", epilog=HELP)
def reject_hold(
    hold: HoldId,
    reason: Reason = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Refuse the messages of a hold, those that still come to it too."""
    _decide(hold, "reject", {}, reason, json, api, key_file, timeout)


def _decide(
    hold: str,
    decision: str,
    body: dict[str, Any],
    reason: str | None,
    json: bool,
    api: str | None,
    key_file: Path | None,
    timeout: float,
) -> None:
    with _desk(json, api, key_file, timeout) as desk:
        given = body if reason is None else {**body, "reason": reason}
        found, octets = desk.decide(hold, decision, given)
        show(json, octets, lambda: holding.hold(found))
