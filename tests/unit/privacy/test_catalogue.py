from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.contracts.topics import Kept, Personal, catalogue
from shared.privacy.catalogue import PLACES, Fate, Kind, unlisted_collections, unlisted_keys

ROOT = Path(__file__).resolve().parents[3]
NAMED = re.compile(
    r"""(?:database\[|get_collection\(|_of\()"([a-z_]+)"|database\.(\w+)\.(?:insert|update|find|delete|aggregate|replace)"""
)


@pytest.mark.parametrize("owner", ["ingest", "dispatch", "dlr", "billing", "retention"])
def test_every_collection_that_a_service_names_is_in_the_catalogue(owner: str) -> None:
    names = {
        next(filter(None, found.groups()))
        for path in (ROOT / "services" / owner).rglob("*.py")
        for found in NAMED.finditer(path.read_text())
    }
    assert names
    assert unlisted_collections(owner, names) == set()


def test_a_place_that_keeps_somebody_says_why() -> None:
    assert [place.name for place in PLACES if place.fate is Fate.KEPT and not place.why] == []
    assert len({(place.owner, place.name) for place in PLACES}) == len(PLACES)


def test_keys_are_listed_by_family() -> None:
    known = {"ingest:limits:{demo}", "ingest:screening:epoch", "dlr:webhooks:delivered:whe_5f"}
    assert unlisted_keys({*known, "ingest:other:+4790000001"}) == {"ingest:other:+4790000001"}
    assert any(place.kind is Kind.KEYS for place in PLACES)


def test_a_topic_with_data_of_people_is_bounded() -> None:
    """What an erasure cannot reach goes by itself; a compacted topic holds a pseudonym at most: that of an opt-out."""
    for topic in catalogue(["fjord"]):
        if topic.personal is not Personal.NONE and topic.kept not in {Kept.FLOW, Kept.DAY}:
            assert (topic.name, topic.kept) in {
                ("config.opt-outs", Kept.COMPACTED),
                ("premium.orders", Kept.MONTH),
                ("premium.events", Kept.MONTH),
                ("privacy.orders", Kept.MONTH),
            }
