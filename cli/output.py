"""What people see: aligned columns, colour only on a terminal that wants it. Control characters never pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cli.administration import Account, Client, Key, Person, Suspended
from cli.answers import Message, Problem, Sent

_COLOURS: Final = {"delivered": "32", "rejected": "31", "failed": "31", "undelivered": "31", "expired": "31"}
_NONE: Final = "-"


def wants_colour(environment: Mapping[str, str], is_terminal: bool) -> bool:
    """Colour on a terminal, unless NO_COLOR is set to anything or the terminal is dumb."""
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def sent(answer: Sent, *, colour: bool) -> Iterator[str]:
    """One line per recipient, in the order asked, under a heading."""
    rows = [("ID", "TO", "STATE", "PARTS", "CODING", "")]
    rows += [
        (
            clean(verdict.id),
            clean(verdict.to),
            clean(verdict.state),
            clean(verdict.parts),
            clean(verdict.coding),
            f"{clean(verdict.error.code)}: {clean(verdict.error.message)}" if verdict.error else "",
        )
        for verdict in answer.messages
    ]
    states = ["", *(verdict.state for verdict in answer.messages)]
    for line, state in zip(aligned(rows), states, strict=True):
        yield _paint(line, state, colour)


def message(answer: Message, *, colour: bool) -> Iterator[str]:
    """The message, and below it the states it went through."""
    yield _paint(f"{clean(answer.id)}  {clean(answer.state)}{_reason(answer.reason)}", answer.state, colour)
    yield f"  to    {clean(answer.to)}"
    yield f"  from  {clean(answer.sender)}"
    rows = [(f"  {clean(step.at)}", f"{clean(step.state)}{_reason(step.reason)}") for step in answer.history]
    yield from aligned(rows)


def change(answer: Message, *, colour: bool) -> str:
    """One line for a message that has another state than before."""
    line = f"{clean(answer.id)}  {clean(answer.to)}  {clean(answer.state)}{_reason(answer.reason)}"
    return _paint(line, answer.state, colour)


def problem(document: Problem) -> Iterator[str]:
    """Title and code, detail, and each field that is wrong."""
    yield f"refused: {clean(document.title)} ({clean(document.code)})"
    if document.detail:
        yield f"  {clean(document.detail)}"
    rows = [(f"  {clean(fault.pointer) or '/'}", clean(fault.code), clean(fault.message)) for fault in document.errors]
    yield from aligned(rows)


def accounts(found: Sequence[Account]) -> Iterator[str]:
    """One line per account, under a heading."""
    rows = [("ID", "ORGANISATION", "STATE", "FROM", "NAME", "SUSPENDED")]
    rows += [
        (
            clean(one.id),
            clean(one.organisation),
            clean(one.state),
            clean(one.default_sender),
            clean(one.name),
            clean(_parts(one.suspended)),
        )
        for one in found
    ]
    yield from aligned(rows)


def account(one: Account) -> Iterator[str]:
    """The account, and below it what it may send as and link to, and when its marketing waits."""
    yield from accounts([one])
    quiet = one.quiet_hours
    hours = None if quiet is None else f"from {quiet.first} to {quiet.last}" if quiet.first != quiet.last else "never"
    yield from aligned(
        [
            ("  senders beside", clean(", ".join(one.senders) or None)),
            ("  links to", clean(", ".join(one.domains) or None)),
            ("  marketing waits", clean(hours)),
        ]
    )


def _parts(suspended: Suspended) -> str | None:
    premium = ["premium"] if suspended.premium else []
    return ", ".join([*suspended.lanes, *suspended.senders, *premium]) or None


def keys(found: Sequence[Key]) -> Iterator[str]:
    """One line per key, under a heading; never the key itself."""
    rows = [("ID", "NAME", "FOR", "CREATED", "ENDS", "REVOKED", "LAST USED")]
    rows += [
        (
            clean(one.id),
            clean(one.name),
            clean(",".join(one.scopes)),
            clean(one.created_at),
            clean(one.expires_at),
            clean(one.revoked_at),
            clean(one.last_used_on),
        )
        for one in found
    ]
    yield from aligned(rows)


def clients(found: Sequence[Client]) -> Iterator[str]:
    """One line per account whose systems come in, under a heading; never the password."""
    rows = [("ACCOUNT", "USER", "AT", "REQUESTS", "EVENTS", "CREATED", "PASSWORD SINCE")]
    rows += [
        (
            clean(one.account),
            clean(one.user),
            clean(one.bootstrap),
            clean(one.requests),
            clean(one.events),
            clean(one.created_at),
            clean(one.password_at),
        )
        for one in found
    ]
    yield from aligned(rows)


def staff(found: Sequence[Person]) -> Iterator[str]:
    """One line per personal key, under a heading; never the key itself."""
    rows = [("ID", "NAME", "ROLE", "CREATED", "REVOKED")]
    rows += [
        (clean(one.id), clean(one.name), clean(one.role), clean(one.created_at), clean(one.revoked_at)) for one in found
    ]
    yield from aligned(rows)


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def clean(value: str | int | None) -> str:
    """The value as one line of printable characters."""
    if value is None:
        return _NONE
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value))


def _reason(reason: str | None) -> str:
    return f" ({clean(reason)})" if reason else ""


def _paint(line: str, state: str, colour: bool) -> str:
    code = _COLOURS.get(state)
    return f"\x1b[{code}m{line}\x1b[0m" if colour and code else line
