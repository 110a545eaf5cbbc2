"""Every place where data lie, and what becomes of a person's there. Closed: what is not listed may not exist.

Topics are in `shared.contracts.topics`, which says of each what it holds of people and for how long it is kept.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec


class Kind(StrEnum):
    """What a place is."""

    COLLECTION = "collection"
    KEYS = "keys"


class Fate(StrEnum):
    """What an erasure does there with what is about a person."""

    NOBODY = "names nobody"
    """No person's number, text or pseudonym; ids of messages at most."""
    FORGOTTEN = "forgotten by the participant"
    EXPIRES = "expires by itself"
    """Sealed and not to be searched; gone within eight days: `why` says when."""
    KEPT = "kept for a time, as a pseudonym"
    """`why` says until when."""


class Place(msgspec.Struct, frozen=True):
    """A collection of the owner's database, or a family of keys in Valkey: a pattern that matches them whole."""

    owner: str
    name: str
    fate: Fate
    kind: Kind = Kind.COLLECTION
    why: str = ""


_WORK: Final = "orders of the last nine days, so that what comes late is forgotten too"
_HELD: Final = "people under a legal hold, until it is closed"

PLACES: Final = (
    Place("ingest", "organisations", Fate.NOBODY),
    Place("ingest", "accounts", Fate.NOBODY),
    Place("ingest", "keys", Fate.NOBODY),
    Place("ingest", "staff", Fate.NOBODY),
    Place("ingest", "audit", Fate.NOBODY),
    Place("ingest", "idempotency", Fate.EXPIRES, why="after 73 hours"),
    Place("ingest", "client_shares", Fate.NOBODY),
    Place("ingest", "client_readers", Fate.NOBODY),
    Place("ingest", "screening", Fate.NOBODY),
    Place("ingest", "holds", Fate.NOBODY),
    Place("ingest", "held", Fate.FORGOTTEN, why="once the desk has let it go"),
    Place("dispatch", "intents", Fate.NOBODY),
    Place("dispatch", "outcomes", Fate.NOBODY),
    Place("dispatch", "leases", Fate.NOBODY),
    Place("dispatch", "unknowns", Fate.FORGOTTEN, why="and not sent again; else it is settled within minutes"),
    Place("dispatch", "premium", Fate.FORGOTTEN, why="once it is settled; the row goes after 400 days"),
    Place("dlr", "messages", Fate.FORGOTTEN, why="freed of the person, and deleted when nothing can come late"),
    Place("dlr", "parked_receipts", Fate.EXPIRES, why="after 8 days"),
    Place("dlr", "inbound_messages", Fate.FORGOTTEN, why="as messages; nobody's as of the account `gateway`"),
    Place("dlr", "inbound_parts", Fate.EXPIRES, why="what waits is handed on within minutes; the rest after 7 days"),
    Place("dlr", "inbound_numbers", Fate.NOBODY),
    Place("dlr", "keywords", Fate.NOBODY),
    Place("dlr", "opt_outs", Fate.KEPT, why="until it is taken back: else its person would be written to again"),
    Place("dlr", "webhook_deliveries", Fate.FORGOTTEN, why="with its message; a dead one goes after 30 days"),
    Place("dlr", "webhook_endpoints", Fate.NOBODY),
    Place("dlr", "webhook_notices", Fate.NOBODY),
    Place("billing", "usage", Fate.FORGOTTEN, why="the fact stays"),
    Place("billing", "daily_usage", Fate.NOBODY),
    Place("billing", "usage_touched", Fate.NOBODY),
    Place("billing", "usage_write_offs", Fate.NOBODY),
    Place("billing", "bookings", Fate.NOBODY),
    Place("billing", "closings", Fate.NOBODY),
    Place("billing", "counters", Fate.NOBODY),
    Place("billing", "customers", Fate.NOBODY),
    Place("billing", "customer_versions", Fate.NOBODY),
    Place("billing", "finance_audit", Fate.NOBODY),
    Place("billing", "invoices", Fate.NOBODY),
    Place("billing", "premium_transactions", Fate.KEPT, why="400 days, in which money may be asked back"),
    Place("billing", "premium_entries", Fate.NOBODY),
    Place("billing", "premium_refunds", Fate.NOBODY),
    Place("billing", "premium_state", Fate.NOBODY),
    Place("billing", "premium_settlements", Fate.NOBODY),
    Place("billing", "premium_statements", Fate.NOBODY),
    Place("billing", "premium_payouts", Fate.NOBODY),
    Place("billing", "premium_reconciliations", Fate.NOBODY),
    *(Place(owner, "privacy_work", Fate.KEPT, why=_WORK) for owner in ("ingest", "dispatch", "dlr", "billing")),
    *(Place(owner, "privacy_holds", Fate.KEPT, why=_HELD) for owner in ("ingest", "dispatch", "dlr", "billing")),
    Place("retention", "policies", Fate.NOBODY),
    Place("retention", "audit", Fate.NOBODY),
    Place("retention", "holds", Fate.KEPT, why="a legal hold on a person names them until it is closed"),
    Place("retention", "orders", Fate.KEPT, why="until everybody has answered, and while a legal hold withholds it"),
    Place("retention", "proof", Fate.NOBODY),
    Place("ingest", r"ingest:limits:\{[A-Za-z0-9_-]+\}", Fate.NOBODY, Kind.KEYS),
    Place("ingest", r"ingest:screening:epoch", Fate.NOBODY, Kind.KEYS),
    Place("ingest", r"ingest:screening:restoring", Fate.NOBODY, Kind.KEYS),
    Place("ingest", r"ingest:screening:used:[0-9-]+", Fate.NOBODY, Kind.KEYS),
    Place("ingest", r"ingest:screening:.{12}", Fate.NOBODY, Kind.KEYS),
    Place("dlr", r"dlr:webhooks:delivered:[A-Za-z0-9_-]+", Fate.NOBODY, Kind.KEYS),
)


def unlisted_collections(owner: str, names: set[str]) -> set[str]:
    """Those of a database that are not in the catalogue."""
    return names - {place.name for place in PLACES if place.owner == owner and place.kind is Kind.COLLECTION}


def unlisted_keys(keys: set[str]) -> set[str]:
    """Keys of Valkey, read as Latin-1, that no family of the catalogue has."""
    families = [re.compile(place.name, re.DOTALL) for place in PLACES if place.kind is Kind.KEYS]
    return {key for key in keys if not any(family.fullmatch(key) for family in families)}


def keeps_pseudonyms(owner: str, name: str) -> bool:
    """Whether a collection may still name a person by pseudonym after an erasure."""
    return any(
        place.fate is Fate.KEPT
        for place in PLACES
        if (place.owner, place.name, place.kind) == (owner, name, Kind.COLLECTION)
    )
