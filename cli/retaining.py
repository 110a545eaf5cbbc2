"""What the gateway answers under `/admin/privacy`, the calls for it, and what people see of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from cli.gateway import Gateway
from cli.output import aligned, clean
from shared.privacy.proof import Fault, ProofRecord

A = TypeVar("A")

_NOT_ASKED: Final = "nothing was changed"
_AGAIN: Final = "whether it was done is not known; look, then ask again"


class Policy(msgspec.Struct, frozen=True):
    """How long an account's data live."""

    account: str
    months: int
    default_months: int
    reason: str | None = None
    set_at: str | None = None
    deletes_before: str | None = None


class Hold(msgspec.Struct, frozen=True):
    """A legal hold."""

    id: str
    account: str
    reason: str
    person: bool
    opened_at: str
    opened_by: str
    closed_at: str | None = None


class Holds(msgspec.Struct, frozen=True):
    """All."""

    holds: tuple[Hold, ...]


class Order(msgspec.Struct, frozen=True):
    """An order, and how far it is."""

    id: str
    account: str
    kind: str
    basis: str
    state: str
    ordered_at: str
    finished_at: str | None = None
    waits_for: tuple[str, ...] = ()
    counts: Mapping[str, Mapping[str, tuple[int, int]]] = {}
    refused_in_part: bool = False
    refused_because: tuple[str, ...] = ()
    proof: str | None = None


class Records(msgspec.Struct, frozen=True):
    """A page of the proof."""

    records: tuple[ProofRecord, ...]


class Retention:
    """The calls. Each returns the answer and its octets, and raises `Refusal` or `Unreachable`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def policy(self, account: str) -> tuple[Policy, bytes]:
        """An account's period."""
        return self._ask("GET", _path("policies", account), Policy)

    def set_policy(self, account: str, months: int, reason: str | None, *, dry_run: bool) -> tuple[Policy, bytes]:
        """Set it, or show what that would do."""
        body = {"months": months} | ({} if reason is None else {"reason": reason})
        return self._ask("POST", _path("policies", account) + ("?dry_run=true" if dry_run else ""), Policy, body)

    def erase(self, account: str, number: str, basis: str) -> tuple[Order, bytes]:
        """Order to erase a person."""
        return self._ask("POST", _path("orders"), Order, {"account": account, "number": number, "basis": basis})

    def order(self, order: str) -> tuple[Order, bytes]:
        """How far one is."""
        return self._ask("GET", _path("orders", order), Order)

    def holds(self, *, closed: bool = False) -> tuple[Holds, bytes]:
        """Open holds, or closed ones."""
        return self._ask("GET", _path("holds") + ("?closed=true" if closed else ""), Holds)

    def open_hold(self, account: str, reason: str, number: str | None) -> tuple[Hold, bytes]:
        """Open one."""
        body: dict[str, Any] = {"account": account, "reason": reason}
        return self._ask("POST", _path("holds"), Hold, body | ({} if number is None else {"number": number}))

    def close_hold(self, hold: str) -> tuple[Hold, bytes]:
        """Close one."""
        return self._ask("POST", _path("holds", hold, "close"), Hold)

    def proof(self) -> Iterator[tuple[ProofRecord, ...]]:
        """All records, page by page, in their order."""
        after = 0
        while records := self._ask("GET", f"{_path('proof')}?{urlencode({'after': after})}", Records)[0].records:
            yield records
            after = records[-1].number

    def _ask(self, method: str, path: str, kind: type[A], body: object = None) -> tuple[A, bytes]:
        return self._gateway.ask(method, path, kind, body, unsent=_NOT_ASKED, lost=_AGAIN)


def policy(found: Policy) -> list[str]:
    """A line."""
    why = "the default" if found.set_at is None else clean(found.reason or "set for the account")
    lines = [f"{clean(found.account)}: {found.months} months ({why})"]
    if found.deletes_before is not None:
        lines.append(f"what is older than {clean(found.deletes_before)} goes in the night that comes")
    return lines


def holds(found: Sequence[Hold]) -> list[str]:
    """A table."""
    rows = [
        (clean(one.id), clean(one.account), "person" if one.person else "account", clean(one.reason), one.opened_at)
        for one in found
    ]
    return list(aligned([("HOLD", "ACCOUNT", "ON", "REASON", "OPENED"), *rows]))


def order(found: Order) -> list[str]:
    """Where it is, and what came of it."""
    lines = [f"{clean(found.id)}: {found.state}"]
    if found.refused_in_part:
        classes = f" ({', '.join(map(clean, found.refused_because))})" if found.refused_because else ""
        lines.append(f"waits for a legal hold{classes}, and follows when that is closed")
    if found.waits_for:
        lines.append(f"waits for {', '.join(map(clean, found.waits_for))}")
    if found.proof is not None:
        lines.append(f"on record with the hash {clean(found.proof)}")
    rows = [
        (clean(service), clean(store), str(deleted), str(held))
        for service, stores in sorted(found.counts.items())
        for store, (deleted, held) in sorted(stores.items())
    ]
    return [*lines, *(aligned([("SERVICE", "STORE", "DELETED", "HELD"), *rows]) if rows else ())]


def records(found: Sequence[ProofRecord]) -> list[str]:
    """A line for each."""
    return [
        f"{one.number}  {one.claim.recorded_at:%Y-%m-%dT%H:%M:%SZ}  {clean(one.claim.order_id)}  {one.claim.outcome}  "
        f"{one.hash[:16]}"
        for one in found
    ]


def faulty(found: Sequence[Fault]) -> list[str]:
    """A line for each."""
    return [f"record {one.number}: {one.code}" for one in found]


def _path(*steps: str) -> str:
    return "/".join(["/admin/privacy", *(quote(step, safe="") for step in steps)])
