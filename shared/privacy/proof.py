"""Proof of deletion: records that hang together, so that a change of one shows in all that follow. Pure.

A record's hash is SHA-256 over its JSON with sorted keys, without the hash itself but with the hash of the record
before. It holds no number, no text and no pseudonym: `scope` is a time, or a digest of the person's pseudonyms.

A chain alone does not show that its end was cut off, or that all of it was made anew: for that somebody else keeps a
hash of it. Every order shows that of its record, and every check the last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from shared.contracts.privacy import Basis, OrderId, OrderKind
from shared.ids import AccountId

FIRST: Final = "0" * 64
"""What stands in the first record for the one before it."""


class Outcome(StrEnum):
    """What came of an order."""

    COMPLETE = "complete"
    """Every service has answered. What had to stay is counted as held."""
    PARTIAL = "partial"
    """Not everybody has answered in time; a later record of the same order says how it ended."""
    WITHHELD = "withheld"
    """A legal hold covers it: nothing was ordered."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says. `counts`: deleted and held, by service and store. `held`: people under a legal hold.

    `actor` is the id of the key that asked, or `retention`; `version` is of the software.
    """

    order_id: OrderId
    outcome: Outcome
    kind: OrderKind
    basis: Basis
    account_id: AccountId
    scope: str
    counts: Mapping[str, Mapping[str, tuple[int, int]]]
    held: int
    ordered_at: datetime
    recorded_at: datetime
    actor: str
    version: str


class ProofRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A link of the chain; numbers begin with 1 and have no gap."""

    number: int = msgspec.field(name="_id")
    claim: Claim
    previous: str
    hash: str


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with the chain, at a record's number."""

    number: int
    code: str


_encode = msgspec.json.Encoder(order="sorted").encode


def link(previous: ProofRecord | None, claim: Claim) -> ProofRecord:
    """The record that follows; without one before, the first."""
    number, before = (1, FIRST) if previous is None else (previous.number + 1, previous.hash)
    return ProofRecord(number=number, claim=claim, previous=before, hash=_hash(number, before, claim))


def faults(records: Iterable[ProofRecord], kept: str | None = None) -> Iterator[Fault]:
    """Everything that is wrong with a whole chain, in its order: `gap`, `broken_link`, `changed`; and `hash_missing`
    when no record has the hash that was `kept` elsewhere.
    """
    number, before, seen = 0, FIRST, kept is None
    for record in records:
        seen = seen or record.hash == kept
        if record.number != number + 1:
            yield Fault(record.number, "gap")
        if record.previous != before:
            yield Fault(record.number, "broken_link")
        if record.hash != _hash(record.number, record.previous, record.claim):
            yield Fault(record.number, "changed")
        number, before = record.number, record.hash
    if not seen:
        yield Fault(number, "hash_missing")


def _hash(number: int, previous: str, claim: Claim) -> str:
    return hashlib.sha256(_encode({"number": number, "previous": previous, "claim": claim})).hexdigest()
