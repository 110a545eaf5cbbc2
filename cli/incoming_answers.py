"""What the gateway answers about incoming messages, keywords and opt-outs, and how people see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from cli.money import crowns
from cli.output import aligned, clean


class Premium(msgspec.Struct, frozen=True):
    """What a reply costs, in øre."""

    price: int


class Keyword(msgspec.Struct, frozen=True):
    """A keyword."""

    id: str
    number: str
    keyword: str
    state: str
    reply: str | None = None
    premium: Premium | None = None


class Keywords(msgspec.Struct, frozen=True):
    """All of the account."""

    keywords: tuple[Keyword, ...]


class Inbound(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """An incoming message."""

    id: str
    to: str
    received_at: str
    action: str
    from_: str | None = None
    text: str | None = None
    keyword: str | None = None


class InboundPage(msgspec.Struct, frozen=True):
    """A page."""

    messages: tuple[Inbound, ...]


class OptOut(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """An opt-out."""

    id: str
    source: str
    at: str
    to: str | None = None
    sender: str | None = None


class OptOutPage(msgspec.Struct, frozen=True):
    """A page."""

    opt_outs: tuple[OptOut, ...]


class Nothing(msgspec.Struct, frozen=True):
    """The answer to a deletion."""


def keywords(found: Sequence[Keyword]) -> Iterator[str]:
    """One line each, under a heading."""
    rows = [("ID", "NUMBER", "KEYWORD", "STATE", "PRICE", "REPLY")]
    rows += [
        (
            clean(each.id),
            clean(each.number),
            clean(each.keyword),
            clean(each.state),
            clean(crowns(each.premium.price) if each.premium else None),
            clean(each.reply),
        )
        for each in found
    ]
    yield from aligned(rows)


def messages(found: Sequence[Inbound]) -> Iterator[str]:
    """One line each, under a heading."""
    rows = [("ID", "RECEIVED", "FROM", "TO", "KEYWORD", "ACTION", "TEXT")]
    rows += [
        (
            clean(each.id),
            clean(each.received_at),
            clean(each.from_),
            clean(each.to),
            clean(each.keyword),
            clean(each.action),
            clean(each.text),
        )
        for each in found
    ]
    yield from aligned(rows)


def opt_outs(found: Sequence[OptOut]) -> Iterator[str]:
    """One line each, under a heading; no sender is every sender."""
    rows = [("ID", "TO", "FROM", "SOURCE", "AT")]
    rows += [
        (clean(each.id), clean(each.to), clean(each.sender or "all"), clean(each.source), clean(each.at))
        for each in found
    ]
    yield from aligned(rows)
