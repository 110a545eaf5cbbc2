"""The commands `keywords`, `inbound` and `opt-outs`: what people write to the account, and what follows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

import typer

from cli import incoming_answers as answers
from cli.exits import HELP
from cli.gateway import SECONDS, Gateway
from cli.running import Api, Json, KeyFile, Timeout, failures, show
from cli.settings import find_access

A = TypeVar("A")

UNSENT: Final = "nothing was changed, a repeat is safe"
LOST: Final = "whether it was changed is not known, look with `list`"
MOST: Final = 500


def _commands(what: str, *examples: str) -> typer.Typer:
    listed = "\n".join(f"  budstikke {example}" for example in examples)
    return typer.Typer(
        help=f"{what}\n\n\b\nExamples:\n{listed}\n", epilog=HELP, no_args_is_help=True, rich_markup_mode=None
    )


keywords = _commands(
    "Keywords on your numbers: who sends one gets a reply, and your webhooks are told.",
    "keywords list",
    "keywords create --number 2002 --keyword BLOMST --reply 'Takk!'",
    "keywords create --number 2002 --keyword TIPS --reply 'Hest nr. 7' --price 500 --service 14002 --merchant mer_test "
    "--invoice-text Tips",
    "keywords delete kw_5f0c1e7a7d0b4c399f381a2b",
)
inbound = _commands("Messages that people sent you.", "inbound list", "inbound list --limit 10 --json")
opt_outs = _commands(
    "People who want no more of what you send.",
    "opt-outs list",
    "opt-outs add --to +4790000001",
    "opt-outs add --to +4790000001 --from Skolen",
    "opt-outs remove oo_5f0c1e7a7d0b4c399f381a2b",
)

Limit = Annotated[int, typer.Option("--limit", min=1, max=MOST, help="Most to show.")]


@keywords.command("list", epilog=HELP)
def list_keywords(json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS) -> None:
    """List all keywords."""
    _ask(
        "GET",
        "/v1/keywords",
        answers.Keywords,
        lambda found: answers.keywords(found.keywords),
        json,
        api,
        key_file,
        timeout,
    )


@keywords.command("create", epilog=HELP)
def create_keyword(
    number: Annotated[str, typer.Option("--number", help="The number that people write to.")],
    keyword: Annotated[str, typer.Option("--keyword", help="One to three words, or * for whatever matches no other.")],
    reply: Annotated[str | None, typer.Option("--reply", help="What whoever sends it gets.")] = None,
    price: Annotated[int | None, typer.Option("--price", min=100, help="What the reply costs them, in øre.")] = None,
    service: Annotated[str | None, typer.Option("--service", help="Service code of a charged reply.")] = None,
    merchant: Annotated[str | None, typer.Option("--merchant", help="Merchant of a charged reply.")] = None,
    invoice_text: Annotated[str | None, typer.Option("--invoice-text", help="What their bill says.")] = None,
    webhook: Annotated[bool, typer.Option("--webhook/--no-webhook", help="Tell your endpoints.")] = True,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Make a keyword."""
    premium = {"price": price, "service_code": service, "merchant_id": merchant, "invoice_text": invoice_text}
    given = {name: value for name, value in premium.items() if value is not None}
    if given and len(given) < len(premium):
        raise typer.BadParameter("a charged reply needs --price, --service, --merchant and --invoice-text")
    optional: dict[str, Any] = {"reply": reply, "premium": given or None}
    body = {"number": number, "keyword": keyword, "webhook": webhook}
    body |= {name: value for name, value in optional.items() if value is not None}
    _ask(
        "POST",
        "/v1/keywords",
        answers.Keyword,
        lambda made: answers.keywords([made]),
        json,
        api,
        key_file,
        timeout,
        body,
    )


@keywords.command("delete", epilog=HELP)
def delete_keyword(
    keyword: Annotated[str, typer.Argument(metavar="KEYWORD", help="Id of a keyword, from `list`.")],
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Delete a keyword."""
    _ask("DELETE", f"/v1/keywords/{quote(keyword, safe='')}", answers.Nothing, _done, json, api, key_file, timeout)


@inbound.command("list", epilog=HELP)
def list_inbound(
    limit: Limit = 100, json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS
) -> None:
    """List incoming messages, the newest first."""
    _ask(
        "GET",
        f"/v1/inbound?limit={limit}",
        answers.InboundPage,
        lambda page: answers.messages(page.messages),
        json,
        api,
        key_file,
        timeout,
    )


@opt_outs.command("list", epilog=HELP)
def list_opt_outs(
    limit: Limit = 100, json: Json = False, api: Api = None, key_file: KeyFile = None, timeout: Timeout = SECONDS
) -> None:
    """List the people who want no more, the newest first."""
    _ask(
        "GET",
        f"/v1/opt-outs?limit={limit}",
        answers.OptOutPage,
        lambda page: answers.opt_outs(page.opt_outs),
        json,
        api,
        key_file,
        timeout,
    )


@opt_outs.command("add", epilog=HELP)
def add_opt_out(
    to: Annotated[str, typer.Option("--to", metavar="NUMBER", help="Who wants no more.")],
    sender: Annotated[str | None, typer.Option("--from", help="Of this sender alone; of all if absent.")] = None,
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Send somebody no more."""
    body = {"to": to} if sender is None else {"to": to, "from": sender}
    _ask(
        "POST",
        "/v1/opt-outs",
        answers.OptOut,
        lambda made: answers.opt_outs([made]),
        json,
        api,
        key_file,
        timeout,
        body,
    )


@opt_outs.command("remove", epilog=HELP)
def remove_opt_out(
    opt_out: Annotated[str, typer.Argument(metavar="OPT_OUT", help="Id of an opt-out, from `list`.")],
    json: Json = False,
    api: Api = None,
    key_file: KeyFile = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Somebody has consented anew."""
    _ask("DELETE", f"/v1/opt-outs/{quote(opt_out, safe='')}", answers.Nothing, _done, json, api, key_file, timeout)


def _done(_: answers.Nothing) -> Iterable[str]:
    return ("done",)


def _ask(
    method: str,
    path: str,
    kind: type[A],
    lines: Callable[[A], Iterable[str]],
    json: bool,
    api: str | None,
    key_file: Path | None,
    timeout: float,
    body: object = None,
) -> None:
    """One call, and what came of it."""
    with failures(json), Gateway(find_access(api, key_file, os.environ), seconds=timeout) as gateway:
        found, octets = gateway.ask(method, path, kind, body, unsent=UNSENT, lost=LOST)
        show(json, octets, lambda: lines(found))
