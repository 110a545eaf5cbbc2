"""What people see: aligned columns, colour only on a terminal that wants it. Control characters never pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cli.administration import Account, Key, Person, Suspended
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
            _clean(verdict.id),
            _clean(verdict.to),
            _clean(verdict.state),
            _clean(verdict.parts),
            _clean(verdict.coding),
            f"{_clean(verdict.error.code)}: {_clean(verdict.error.message)}" if verdict.error else "",
        )
        for verdict in answer.messages
    ]
    states = ["", *(verdict.state for verdict in answer.messages)]
    for line, state in zip(_aligned(rows), states, strict=True):
        yield _paint(line, state, colour)


def message(answer: Message, *, colour: bool) -> Iterator[str]:
    """The message, and below it the states it went through."""
    yield _paint(f"{_clean(answer.id)}  {_clean(answer.state)}{_reason(answer.reason)}", answer.state, colour)
    yield f"  to    {_clean(answer.to)}"
    yield f"  from  {_clean(answer.sender)}"
    rows = [(f"  {_clean(step.at)}", f"{_clean(step.state)}{_reason(step.reason)}") for step in answer.history]
    yield from _aligned(rows)


def change(answer: Message, *, colour: bool) -> str:
    """One line for a message that has another state than before."""
    line = f"{_clean(answer.id)}  {_clean(answer.to)}  {_clean(answer.state)}{_reason(answer.reason)}"
    return _paint(line, answer.state, colour)


def problem(document: Problem) -> Iterator[str]:
    """Title and code, detail, and each field that is wrong."""
    yield f"refused: {_clean(document.title)} ({_clean(document.code)})"
    if document.detail:
        yield f"  {_clean(document.detail)}"
    rows = [
        (f"  {_clean(fault.pointer) or '/'}", _clean(fault.code), _clean(fault.message)) for fault in document.errors
    ]
    yield from _aligned(rows)


def accounts(found: Sequence[Account]) -> Iterator[str]:
    """One line per account, under a heading."""
    rows = [("ID", "ORGANISATION", "STATE", "FROM", "NAME", "SUSPENDED")]
    rows += [
        (
            _clean(one.id),
            _clean(one.organisation),
            _clean(one.state),
            _clean(one.default_sender),
            _clean(one.name),
            _clean(_parts(one.suspended)),
        )
        for one in found
    ]
    yield from _aligned(rows)


def _parts(suspended: Suspended) -> str | None:
    premium = ["premium"] if suspended.premium else []
    return ", ".join([*suspended.lanes, *suspended.senders, *premium]) or None


def keys(found: Sequence[Key]) -> Iterator[str]:
    """One line per key, under a heading; never the key itself."""
    rows = [("ID", "NAME", "FOR", "CREATED", "ENDS", "REVOKED", "LAST USED")]
    rows += [
        (
            _clean(one.id),
            _clean(one.name),
            _clean(",".join(one.scopes)),
            _clean(one.created_at),
            _clean(one.expires_at),
            _clean(one.revoked_at),
            _clean(one.last_used_on),
        )
        for one in found
    ]
    yield from _aligned(rows)


def staff(found: Sequence[Person]) -> Iterator[str]:
    """One line per personal key, under a heading; never the key itself."""
    rows = [("ID", "NAME", "ROLE", "CREATED", "REVOKED")]
    rows += [
        (_clean(one.id), _clean(one.name), _clean(one.role), _clean(one.created_at), _clean(one.revoked_at))
        for one in found
    ]
    yield from _aligned(rows)


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _clean(value: str | int | None) -> str:
    """The value as one line of printable characters."""
    if value is None:
        return _NONE
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value))


def _reason(reason: str | None) -> str:
    return f" ({_clean(reason)})" if reason else ""


def _paint(line: str, state: str, colour: bool) -> str:
    code = _COLOURS.get(state)
    return f"\x1b[{code}m{line}\x1b[0m" if colour and code else line
