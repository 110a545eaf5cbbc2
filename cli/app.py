"""The commands: arguments in, one call or a watch, text out."""

from __future__ import annotations

import os
import sys
import time
from typing import Annotated, Any

import typer

from cli import output
from cli.administering import accounts, keys, staff
from cli.answers import Message
from cli.billing import billing
from cli.clients import clients
from cli.exits import HELP, Exit, Failure
from cli.gateway import SECONDS, Gateway
from cli.holds import holds
from cli.incoming import inbound, keywords, opt_outs
from cli.premium import premium
from cli.privacy import privacy
from cli.running import Api, Json, KeyFile, Timeout, failures, print_json, print_lines
from cli.running import colour as in_colour
from cli.settings import find_access
from cli.watching import Watch
from shared.clock import SystemClock
from shared.contracts.words import Category, Lane

ACCESS = (
    "Address and key come from --api and --key-file, else from BUDSTIKKE_API and BUDSTIKKE_KEY (or "
    "BUDSTIKKE_KEY_FILE), else from var/local.env, which a local run writes."
)
EXAMPLES = """\b
Examples:
  budstikke send --to +4790000001 --text 'Your code is 4711' --category otp
  budstikke send --to +4790000001 --to +4790000002 --from Skolen --text - < letter.txt
  budstikke send --to +4790000001 --text 'Hei' --wait
  budstikke status 019b2f60-5c00-7a31-8f0e-5d2c9e41a006 --watch
"""

app = typer.Typer(
    name="budstikke",
    help=f"Send messages through a Budstikke gateway, and see what became of them.\n\n{ACCESS}\n\n{EXAMPLES}",
    epilog=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for _name, _commands in (
    ("accounts", accounts),
    ("keys", keys),
    ("clients", clients),
    ("staff", staff),
    ("holds", holds),
    ("billing", billing),
    ("premium", premium),
    ("privacy", privacy),
    ("keywords", keywords),
    ("inbound", inbound),
    ("opt-outs", opt_outs),
):
    app.add_typer(_commands, name=_name)

Patience = Annotated[float, typer.Option("--for", min=0.1, max=86_400.0, help="Longest time to watch, seconds.")]


@app.command(epilog=f"{EXAMPLES}\n\n{HELP}")
def send(
    to: Annotated[list[str], typer.Option("--to", metavar="NUMBER", help="Recipient, +47…; may be given many times.")],
    text: Annotated[str, typer.Option("--text", help="Text of the message; - reads it from standard input.")],
    sender: Annotated[str | None, typer.Option("--from", help="Sender; the account's own if absent.")] = None,
    category: Annotated[Category | None, typer.Option(help="Why it is sent; transactional if absent.")] = None,
    lane: Annotated[Lane | None, typer.Option(help="By category if absent.")] = None,
    reference: Annotated[str | None, typer.Option(help="Yours; comes back with every status.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count, send nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the messages to their final states.")] = False,
    patience: Patience = 60.0,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Send one text to one or more recipients."""
    if dry_run and wait:
        raise typer.BadParameter("a dry run sends nothing that one could wait for", param_hint="--wait")
    optional = {"from": sender, "category": category, "lane": lane, "reference": reference}
    body: dict[str, Any] = {"to": to, "text": _standard_input() if text == "-" else text}
    body |= {name: value for name, value in optional.items() if value is not None}
    if not all(_is_unicode(value) for value in (*to, *body.values()) if isinstance(value, str)):
        raise typer.BadParameter("the arguments are not UTF-8")
    with failures(json), Gateway(find_access(api, key_file, os.environ), seconds=timeout) as gateway:
        answer, octets = gateway.send(body, dry_run=dry_run)
        if json:
            print_json(octets)
        else:
            print_lines(output.sent(answer, colour=in_colour()))
        taken = [verdict.id for verdict in answer.messages if verdict.id is not None]
        refused = any(verdict.error is not None for verdict in answer.messages)
        delivered = not wait or _watch(gateway, taken, patience, json)
        if refused:
            raise Failure(Exit.PARTLY_REFUSED)
        if not delivered:
            raise Failure(Exit.NOT_DELIVERED)


@app.command(epilog=HELP)
def status(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a message, from `send`.")],
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its final state.")] = False,
    patience: Patience = 60.0,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Show where a message is, and how it came there.

    \b
    Examples:
      budstikke status 019b2f60-5c00-7a31-8f0e-5d2c9e41a006
      budstikke status 019b2f60-5c00-7a31-8f0e-5d2c9e41a006 --watch --json
    """
    with failures(json), Gateway(find_access(api, key_file, os.environ), seconds=timeout) as gateway:
        message, octets = gateway.message(message_id)
        if json:
            print_json(octets)
        else:
            print_lines(output.message(message, colour=in_colour()))
        if watch and not _watch(gateway, [message_id], patience, json, known=message):
            raise Failure(Exit.NOT_DELIVERED)


def _watch(gateway: Gateway, ids: list[str], patience: float, json: bool, known: Message | None = None) -> bool:
    """Print every state that was not shown yet. True when all were delivered."""

    def seen(message: Message, octets: bytes) -> None:
        if json:
            print_json(octets)
        else:
            print_lines([output.change(message, colour=in_colour())])

    return Watch(gateway, SystemClock(), time.sleep, seconds=patience).follow(ids, seen, known=known)


def _standard_input() -> str:
    """The text on standard input, without the line end that closes it."""
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8", param_hint="--text") from None


def _is_unicode(value: str) -> bool:
    """Whether the value can be encoded: octets of an argument that are not UTF-8 come as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
