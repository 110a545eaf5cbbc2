"""What the gateway answers under `/admin/holds`, the calls that the command makes there, and what people see of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from cli.administration import NOT_ASKED, NOT_KNOWN
from cli.gateway import Gateway
from cli.output import aligned, clean


class Finding(msgspec.Struct, frozen=True):
    """A rule that holds, and what it saw."""

    rule: str
    evidence: tuple[str, ...] = ()


class Messages(msgspec.Struct, frozen=True):
    """How many messages of a hold wait, and what became of the others."""

    waiting: int = 0
    released: int = 0
    rejected: int = 0
    expired: int = 0
    cancelled: int = 0


class Decided(msgspec.Struct, frozen=True):
    """Who decided, when, why if that was said, and on which domains beside. `name` is null if the record has none."""

    by: str
    at: str
    name: str | None = None
    reason: str | None = None
    approved_domains: tuple[str, ...] = ()


class Sample(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """A message that waits. `text` is null once it was erased."""

    id: str
    sender: str
    text: str | None = None


class Hold(msgspec.Struct, frozen=True):
    """A hold; `samples` when it was asked for alone."""

    id: str
    account: str
    state: str
    opened_at: str
    findings: tuple[Finding, ...] = ()
    messages: Messages = Messages()
    decided: Decided | None = None
    samples: tuple[Sample, ...] = ()


class Holds(msgspec.Struct, frozen=True):
    """A page."""

    holds: tuple[Hold, ...]
    cursor: str | None = None


class Desk:
    """The calls. Each returns the answer and its octets, and raises `Refusal` or `Unreachable`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def holds(self, **narrowed: str) -> Iterator[tuple[Holds, bytes]]:
        """All, page by page, the oldest first; `state` and `account` narrow."""
        query = {"limit": "200", **narrowed}
        while True:
            page, octets = self._gateway.ask(
                "GET", f"/admin/holds?{urlencode(query)}", Holds, None, unsent=NOT_ASKED, lost=NOT_KNOWN
            )
            yield page, octets
            if page.cursor is None:
                return
            query["cursor"] = page.cursor

    def hold(self, hold: str) -> tuple[Hold, bytes]:
        """One, with some of its messages."""
        return self._ask("GET", hold, "", None)

    def decide(self, hold: str, decision: str, body: dict[str, Any]) -> tuple[Hold, bytes]:
        """`approve` or `reject`."""
        return self._ask("POST", hold, f"/{decision}", body)

    def _ask(self, method: str, hold: str, action: str, body: dict[str, Any] | None) -> tuple[Hold, bytes]:
        path = f"/admin/holds/{quote(hold, safe='')}{action}"
        return self._gateway.ask(method, path, Hold, body, unsent=NOT_ASKED, lost=NOT_KNOWN)


def holds(found: Sequence[Hold]) -> Iterator[str]:
    """One line per hold, under a heading."""
    rows = [("ID", "ACCOUNT", "STATE", "MESSAGES", "SINCE", "WHY")]
    rows += [
        (
            clean(one.id),
            clean(one.account),
            clean(one.state),
            clean(sum(msgspec.structs.astuple(one.messages))),
            clean(one.opened_at),
            clean("; ".join(" ".join([finding.rule, *finding.evidence]) for finding in one.findings)),
        )
        for one in found
    ]
    yield from aligned(rows)


def hold(found: Hold) -> Iterator[str]:
    """A hold, what became of its messages, who decided, and some messages to read."""
    yield from holds([found])
    for what, count in msgspec.structs.asdict(found.messages).items():
        if count:
            yield f"  {what}  {count}"
    if found.decided is not None:
        remembered = ", ".join(found.decided.approved_domains)
        beside = f", and approved {clean(remembered)}" if remembered else ""
        who = clean(found.decided.name or found.decided.by)
        yield f"  {clean(found.state)} by {who} at {clean(found.decided.at)}{beside}"
        if found.decided.reason is not None:
            yield f"  reason  {clean(found.decided.reason)}"
    yield from aligned([(f"  {clean(one.id)}", clean(one.sender), clean(one.text)) for one in found.samples])
