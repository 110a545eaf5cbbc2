"""The commands `premium`: books of charges on phone bills. For finance, but a refund: the seller asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import books_output as output
from cli import money
from cli.administering import KeyFile as StaffKeyFile
from cli.books import Month, PremiumBooks
from cli.exits import HELP, Exit, Failure
from cli.gateway import SECONDS, Gateway
from cli.running import Api, Json, KeyFile, Timeout, failures, show, show_pages
from cli.settings import ACCOUNT, STAFF, KeyNames, find_access

premium = typer.Typer(
    help="Charges on phone bills: transactions, refunds, months, and the daily file of Strex.\n\nWith a staff key of "
    "finance, but `refund`: only the company that sold the service asks for one, with its own key of scope admin."
    "\n\n\b\nExamples:\n"
    "  budstikke premium transactions --account demo --standing open\n"
    "  budstikke premium show 4f0c7d9e-52ab-8d31-9c6e-7b1f0a2e6004\n"
    "  budstikke premium refund 4f0c7d9e-52ab-8d31-9c6e-7b1f0a2e6004 --reason upheld_complaint\n"
    "  budstikke premium refund --to +4790000001 --short-number 2002 --day 2026-10-12\n"
    "  budstikke premium settle 2026-10\n"
    "  budstikke premium settle 2026-10 --received 2026-11-20 --amount 25200.00\n"
    "  budstikke premium statement 2026-10\n"
    "  budstikke premium reconcile 2026-11-21\n",
    epilog=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
)

MonthName = Annotated[str, typer.Argument(metavar="MONTH", help="As 2026-10.")]


@contextmanager
def _books(
    json: bool, api: str | None, key_file: Path | None, timeout: float, names: KeyNames
) -> Iterator[PremiumBooks]:
    with failures(json), Gateway(find_access(api, key_file, os.environ, names=names), seconds=timeout) as gateway:
        yield PremiumBooks(gateway)


@premium.command("transactions", epilog=HELP)
def transactions(
    account: Annotated[str | None, typer.Option("--account", metavar="ID", help="Of this account alone.")] = None,
    standings: Annotated[
        list[str] | None,
        typer.Option(
            "--standing", help="open, not_billed, billed, reversing, reversed or disputed; may be given many times."
        ),
    ] = None,
    json: Json = False,
    api: Api = None,
    key_file: StaffKeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """List transactions, newest first."""
    with _books(json, api, key_file, timeout, STAFF) as books:
        show_pages(json, books.transactions(account, standings or ()), output.transactions)


@premium.command("show", epilog=HELP)
def show_transaction(
    transaction: Annotated[str, typer.Argument(metavar="ID", help="Id of a transaction.")],
    json: Json = False,
    api: Api = None,
    key_file: StaffKeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Show a transaction and what is booked of it, line by line."""
    with _books(json, api, key_file, timeout, STAFF) as books:
        answer, octets = books.transaction(transaction)
        show(json, octets, lambda: output.booked(answer))


@premium.command("refund", epilog=HELP)
def refund(
    transaction: Annotated[str | None, typer.Argument(metavar="ID", help="Id of a transaction.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="NUMBER", help="Whose purchase, +47….")] = None,
    short_number: Annotated[str | None, typer.Option("--short-number", help="By which short number.")] = None,
    day: Annotated[str | None, typer.Option("--day", help="On which day, as 2026-10-12.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="A word, such as upheld_complaint.")] = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Give a user the whole price back: of one transaction, or of all by a short number on a day. Once, always."""
    given = {"transaction_id": transaction, "to": to, "short_number": short_number, "day": day, "reason": reason}
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with _books(json, api, key_file, timeout, ACCOUNT) as books:
        answer, octets = books.refund(body)
        show(json, octets, lambda: output.refunds(answer))


@premium.command("settle", epilog=HELP)
def settle(
    month: MonthName,
    received: Annotated[str | None, typer.Option("--received", metavar="DAY", help="When Strex paid for it.")] = None,
    amount: Annotated[str | None, typer.Option("--amount", metavar="CROWNS", help="How much, as 25200.00.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, that much, though Strex owes another sum.")] = False,
    json: Json = False,
    api: Api = None,
    key_file: StaffKeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Close a month and state it; once Strex has paid, book that and decide the payouts. A repeat changes nothing."""
    if (received is None) != (amount is None):
        raise typer.BadParameter("give both, or neither", param_hint="--received and --amount")
    ore = None if amount is None else money.ore(amount)
    if amount is not None and ore is None:
        raise typer.BadParameter("must be crowns, as 25200.00", param_hint="--amount")
    with _books(json, api, key_file, timeout, STAFF) as books:
        answer, octets = books.close(month)
        if received is not None and ore is not None:
            if not yes:
                _require_owed(answer, ore)
            answer, octets = books.receive(month, received, ore)
        show(json, octets, lambda: output.month(answer))


@premium.command("statement", epilog=HELP)
def statement(
    month: MonthName, json: Json = False, api: Api = None, key_file: StaffKeyFile = None, timeout: Timeout = SECONDS
) -> None:
    """Show a closed month: statements, settlement, payouts."""
    with _books(json, api, key_file, timeout, STAFF) as books:
        answer, octets = books.month(month)
        show(json, octets, lambda: output.month(answer))


@premium.command("reconcile", epilog=HELP)
def reconcile(
    day: Annotated[str, typer.Argument(metavar="DAY", help="As 2026-11-21.")],
    json: Json = False,
    api: Api = None,
    key_file: StaffKeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Compare the books of a day with the daily file of Strex. It names what differs and changes nothing."""
    with _books(json, api, key_file, timeout, STAFF) as books:
        answer, octets = books.reconcile(day)
        show(json, octets, lambda: output.report(answer))
        if answer.report.findings or answer.report.unreadable:
            raise Failure(Exit.DIFFERENCES)


def _require_owed(month: Month, ore: int) -> None:
    """Raise `BadParameter` for another sum than Strex owes. What is on record already changes by no sum."""
    owed = month.settlement
    if owed.received_on is None and ore != owed.expected_ore:
        unusual = f"Strex owes {money.crowns(owed.expected_ore)} for {month.month}, not {money.crowns(ore)}"
        raise typer.BadParameter(f"{unusual}; say that you mean it", param_hint="--yes")
