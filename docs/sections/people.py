"""Where data of people lie: the catalogue of stores, and the topics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from docs.sections.tables import code, table
from shared.contracts.topics import Kept, Personal, Topic, catalogue
from shared.contracts.words import Lane
from shared.privacy.catalogue import PLACES, Fate, Kind

_OPERATOR: Final = "<operator>"
_LANES: Final = re.compile(rf"\.({'|'.join(Lane)})$")
_GONE: Final = {
    Kept.FLOW: "8 days",
    Kept.DAY: "2 days",
    Kept.MONTH: "31 days",
    Kept.COMPACTED: "the newest of each key; an older one a day, a removal 7 days later",
}


def stores() -> str:
    """Every collection and family of keys that may name somebody. Those that never do are counted."""
    rows = (
        (place.owner, code(place.name), place.fate.value + (f": {place.why}" if place.why else ""))
        for place in PLACES
        if place.fate is not Fate.NOBODY
    )
    nobody = [place for place in PLACES if place.fate is Fate.NOBODY]
    keys = sum(place.kind is Kind.KEYS for place in nobody)
    return (
        f"{table(('owner', 'collection', 'what becomes of a person there'), rows)}\n\n"
        f"The other {len(nobody) - keys} collections, and all {keys} families of keys in Valkey, name nobody."
    )


def topics() -> str:
    """Every topic with something of people. Raises `KeyError` for one whose end is not bounded."""
    found: dict[str, tuple[str, ...]] = {}
    for topic in _named():
        name = _LANES.sub(".<lane>", topic.name)
        found.setdefault(name, (code(name), topic.personal.value, _GONE[topic.kept]))
    return table(("topic", "holds", "gone after, at most"), found.values())


def _named() -> Iterator[Topic]:
    for topic in catalogue((_OPERATOR,)):
        if topic.personal is not Personal.NONE and not topic.name.endswith(".dlq") and ".test." not in topic.name:
            yield topic
