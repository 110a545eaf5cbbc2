from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from shared.contracts.topics import Kept, Personal, catalogue
from shared.privacy.catalogue import PLACES, Fate, Kind, unlisted_collections, unlisted_keys

ROOT = Path(__file__).resolve().parents[3]
NAMED = re.compile(
    r"""(?:database\[|get_collection\(|_of\()"([a-z_]+)"|database\.(\w+)\.(?:insert|update|find|delete|aggregate|replace)"""
)
KEY = re.compile(r"(?:ingest|dispatch|dlr|billing|retention):[a-z-]+(?::\S*)?\Z")
KEYED = re.compile(r"ValkeyStore|(?:ingest|dispatch|dlr|billing|retention):[a-z-]+:")
"""Modules that may name one."""


@pytest.mark.parametrize("owner", ["ingest", "dispatch", "dlr", "billing", "retention"])
def test_every_collection_that_a_service_names_is_in_the_catalogue(owner: str) -> None:
    names = {
        next(filter(None, found.groups()))
        for path in (ROOT / "services" / owner).rglob("*.py")
        for found in NAMED.finditer(path.read_text())
    }
    assert names
    assert unlisted_collections(owner, names) == set()


def written(module: Path) -> Iterator[str]:
    """Every string of a module that is the name of a key, or the beginning of one; what it is told later is `x`."""
    named = vars(import_module(".".join(module.relative_to(ROOT).with_suffix("").parts)))

    def text(node: ast.expr) -> str:
        if isinstance(node, ast.JoinedStr):
            return "".join(map(text, node.values))
        if isinstance(node, ast.FormattedValue):
            return str(named.get(node.value.id, "x")) if isinstance(node.value, ast.Name) else "x"
        return str(node.value) if isinstance(node, ast.Constant) else ""

    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.JoinedStr | ast.Constant) and KEY.match(name := text(node)):
            yield name.removesuffix("*")


def test_every_key_that_a_service_names_is_in_the_catalogue() -> None:
    modules = [path for path in (ROOT / "services").rglob("*.py") if KEYED.search(path.read_text())]
    names = {name for module in modules for name in written(module)}
    families = [place.name.replace("\\", "") for place in PLACES if place.kind is Kind.KEYS]
    beginnings = {name for name in names if any(family.startswith(name) for family in families)}
    assert {"ingest:screening:restoring", "ingest:limits:{x}", "dlr:webhooks:delivered:x"} <= names
    assert unlisted_keys(names - beginnings) == set()


def test_a_place_that_keeps_somebody_says_why() -> None:
    silent = [place.name for place in PLACES if place.fate in {Fate.KEPT, Fate.EXPIRES} and not place.why]
    assert silent == []
    assert len({(place.owner, place.name) for place in PLACES}) == len(PLACES)


def test_keys_are_listed_by_family() -> None:
    known = {"ingest:limits:{demo}", "ingest:screening:epoch", "dlr:webhooks:delivered:whe_5f"}
    assert unlisted_keys({*known, "ingest:other:+4790000001"}) == {"ingest:other:+4790000001"}
    assert any(place.kind is Kind.KEYS for place in PLACES)


def test_a_topic_with_data_of_people_is_bounded() -> None:
    """What an erasure cannot reach goes by itself: a number or a text in eight days, a pseudonym in a month. A
    compacted topic holds a pseudonym at most: that of an opt-out.
    """
    for topic in catalogue(["fjord"]):
        if topic.personal is not Personal.NONE and topic.kept not in {Kept.FLOW, Kept.DAY}:
            assert (topic.name, topic.kept) in {
                ("config.opt-outs", Kept.COMPACTED),
                ("premium.events", Kept.MONTH),
                ("privacy.orders", Kept.MONTH),
            }
