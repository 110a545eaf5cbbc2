"""The commands `billing`: customers, the close of a month, invoices. For finance."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from cli import invoices_output as output
from cli.administering import KeyFile
from cli.exits import HELP, Exit, Failure
from cli.gateway import SECONDS, Gateway
from cli.invoices import CLOSED, REFUSED, Billing, Period, Waits
from cli.output import clean
from cli.running import Api, Json, Timeout, failures, show, show_pages
from cli.settings import STAFF, find_access
from shared.clock import Clock, SystemClock

_PAUSE: Final = 0.2

billing = typer.Typer(
    help="Customers, the close of a month, what waits, invoices. With a staff key of finance.\n\n"
    "\b\nExamples:\n"
    "  budstikke billing set-customer nordvik < nordvik.json\n"
    "  budstikke billing close 2026-10\n"
    "  budstikke billing waiting\n"
    "  budstikke billing write-off trials 2026-10 --reason 'our own trials'\n"
    "  budstikke billing invoices --month 2026-10\n"
    "  budstikke billing invoice 100001\n"
    "  budstikke billing document 100001 > 100001.xml\n",
    epilog=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
)

Month = Annotated[str, typer.Argument(metavar="MONTH", help="As 2026-10.")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="Number of an invoice.")]


@contextmanager
def _books(json: bool, api: str | None, key_file: Path | None, timeout: float) -> Iterator[Billing]:
    with failures(json), Gateway(find_access(api, key_file, os.environ, names=STAFF), seconds=timeout) as gateway:
        yield Billing(gateway)


@billing.command("close", epilog=HELP)
def close(
    month: Month,
    early: Annotated[
        bool, typer.Option("--early", help="Although the month is not over: what it still brings comes in the next.")
    ] = False,
    leave: Annotated[
        list[str] | None,
        typer.Option("--leave", metavar="ACCOUNT", help="Its usage waits for a customer (see `waiting`); many times."),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Follow it to its end.")] = True,
    patience: Annotated[float, typer.Option("--for", min=0.1, max=86_400.0, help="Longest wait, seconds.")] = 600.0,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Close a month and issue its invoices. A repeat changes nothing: it tells how far the close is."""
    with _books(json, api, key_file, timeout) as books:
        found, octets = books.close(month, early=early, leave=leave or ())
        if wait:
            found, octets = followed(books, found, octets, SystemClock(), time.sleep, seconds=patience)
        show(json, octets, lambda: output.periods([found]))
        if found.state == REFUSED:
            raise Failure(Exit.REFUSED)


@billing.command("months", epilog=HELP)
def months(json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS) -> None:
    """List the months that are closed or being closed, newest first."""
    with _books(json, api, key_file, timeout) as books:
        show_pages(json, books.periods(), lambda found: output.periods(found.periods))


@billing.command("set-customer", epilog=HELP)
def set_customer(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Its id, of your choice.")],
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Set a customer's record, read as JSON from standard input: name, organisation_number, address, plan, accounts…"""
    try:
        record = msgspec.json.decode(sys.stdin.buffer.read())
    except msgspec.DecodeError:
        raise typer.BadParameter("standard input is not JSON", param_hint="customer's record") from None
    with _books(json, api, key_file, timeout) as books:
        found, octets = books.set_customer(customer, record)
        show(json, octets, lambda: output.customers([found]))


@billing.command("customers", epilog=HELP)
def customers(json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS) -> None:
    """List customers."""
    with _books(json, api, key_file, timeout) as books:
        show_pages(json, books.customers(), lambda found: output.customers(found.customers))


@billing.command("waiting", epilog=HELP)
def waiting(json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS) -> None:
    """List usage of closed months that is on no invoice: the next close takes it if its account has a customer."""
    with _books(json, api, key_file, timeout) as books:
        show_pages(json, books.waiting(), lambda found: output.waiting(found.waiting))


@billing.command("write-off", epilog=HELP)
def write_off(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Whose usage waits.")],
    month: Month,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept on the audit record.")],
    yes: Annotated[bool, typer.Option("--yes", help="Yes, though a customer would be charged for it.")] = False,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Never charge what waits of a closed month of an account. This cannot be taken back."""
    with _books(json, api, key_file, timeout) as books:
        if not yes:
            _require_nobodys(books.waits(account, month))
        found, octets = books.write_off(account, month, reason)
        show(json, octets, lambda: iter([f"{found.parts} parts of {found.messages} messages are written off"]))


@billing.command("invoices", epilog=HELP)
def invoices(
    month: Annotated[str | None, typer.Option("--month", metavar="MONTH", help="Of this month alone.")] = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """List invoices."""
    with _books(json, api, key_file, timeout) as books:
        show_pages(json, books.invoices(month), lambda found: output.invoices(found.invoices))


@billing.command("invoice", epilog=HELP)
def invoice(
    number: Number, json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS
) -> None:
    """Show an invoice, line by line."""
    with _books(json, api, key_file, timeout) as books:
        found, octets = books.invoice(number)
        show(json, octets, lambda: output.invoice(found))


@billing.command("document", epilog=HELP)
def document(number: Number, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS) -> None:
    """Print the EHF document of an invoice, to the octet as it was issued."""
    with _books(False, api, key_file, timeout) as books:
        sys.stdout.buffer.write(books.document(number))


def _require_nobodys(waits: Waits | None) -> None:
    """Raise `BadParameter` for usage that the next close would charge to a customer."""
    if waits is not None and waits.customer is not None:
        unusual = f"{waits.account} is an account of {waits.customer}, whom the next close would charge for it"
        raise typer.BadParameter(f"{clean(unusual)}; say that you mean it", param_hint="--yes")


def followed(
    books: Billing, found: Period, octets: bytes, clock: Clock, sleep: Callable[[float], None], *, seconds: float
) -> tuple[Period, bytes]:
    """The close at its end. Raises `Failure` when it is not there within `seconds`."""
    end = clock.monotonic() + seconds
    while found.state not in {CLOSED, REFUSED}:
        if clock.monotonic() > end:
            raise Failure(Exit.NOT_DELIVERED, f"{found.period} is {found.state} after {seconds:g} s; ask again")
        sleep(_PAUSE)
        found, octets = books.period(found.period)
    return found, octets
