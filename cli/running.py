"""What all commands share: options, the way out when something fails, and printing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from cli import output
from cli.exits import Failure
from cli.gateway import Refusal, Unreachable

P = TypeVar("P")

Api = Annotated[str | None, typer.Option("--api", metavar="URL", help="Address of the gateway [env: BUDSTIKKE_API].")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="File that holds the API key [env: BUDSTIKKE_KEY_FILE; or the key itself: BUDSTIKKE_KEY].",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the gateway's JSON unchanged.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, max=600.0, help="Longest wait for one answer, seconds.")]


@contextmanager
def failures(json: bool) -> Iterator[None]:
    """Say what went wrong, once, where it belongs, and leave with its code."""
    try:
        yield
    except Failure as failure:
        if json and isinstance(failure, Refusal | Unreachable) and failure.body:
            print_json(failure.body)
        elif isinstance(failure, Refusal):
            for line in output.problem(failure.problem):
                typer.echo(line, err=True)
        if failure.text:
            typer.echo(failure.text, err=True)
        raise typer.Exit(failure.exit_code) from None


def print_json(octets: bytes) -> None:
    """The gateway's own octets, one document a line."""
    typer.echo(octets.rstrip(b"\n"))


def print_lines(lines: Iterable[str]) -> None:
    """Text for people."""
    for line in lines:
        typer.echo(line, color=True)


def show(json: bool, octets: bytes, lines: Callable[[], Iterable[str]]) -> None:
    """The gateway's own octets, or the same for people."""
    if json:
        print_json(octets)
    else:
        print_lines(lines())


def show_pages(json: bool, pages: Iterable[tuple[P, bytes]], lines: Callable[[P], Iterable[str]]) -> None:
    """A list, page by page as it comes."""
    for page, octets in pages:
        show(json, octets, partial(lines, page))


def colour() -> bool:
    """Whether to colour."""
    return output.wants_colour(os.environ, sys.stdout.isatty())
