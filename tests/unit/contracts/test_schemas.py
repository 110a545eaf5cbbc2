from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.codec import TYPES
from shared.contracts.schemas.compatibility import Schema, breaks
from shared.contracts.schemas.generate import FOLDER, committed, schema_of, write
from tests.unit.contracts.examples import SENT

REMEDY = "run `python -m shared.contracts.schemas`; a change that breaks readers needs a new version"


def test_the_committed_schemas_are_those_of_the_types() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(TYPES), REMEDY


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_released_version_is_unchanged(name: str) -> None:
    before = committed(name)
    assert before is not None, REMEDY
    assert breaks(before, schema_of(name)) == [], REMEDY
    assert before == schema_of(name), REMEDY


def _properties(schema: Schema, of: str = "SendRequested") -> dict[str, Any]:
    properties: dict[str, Any] = schema["$defs"][of]["properties"]
    return properties


def _add_optional(schema: Schema) -> None:
    _properties(schema)["not_yet"] = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def _add_optional_inside(schema: Schema) -> None:
    _properties(schema, "Actor")["role"] = {"type": "string", "default": ""}


def _reword(schema: Schema) -> None:
    schema["$defs"]["SendRequested"]["description"] = "Other words."


def _add_required(schema: Schema) -> None:
    _properties(schema)["not_yet"] = {"type": "string"}
    schema["$defs"]["SendRequested"]["required"].append("not_yet")


def _remove(schema: Schema) -> None:
    del _properties(schema)["flash"]


def _no_longer_required(schema: Schema) -> None:
    schema["$defs"]["Actor"]["required"].remove("key_id")


def _now_required(schema: Schema) -> None:
    schema["$defs"]["SendRequested"]["required"].append("reference")


def _retype(schema: Schema) -> None:
    _properties(schema)["sender"] = {"type": "integer"}


def _other_default(schema: Schema) -> None:
    _properties(schema)["max_parts"]["default"] = 8


def _no_null(schema: Schema) -> None:
    _properties(schema)["reference"]["anyOf"].pop()


def _add_word(schema: Schema) -> None:
    schema["$defs"]["Lane"]["enum"].append("slow")


@pytest.mark.parametrize("change", [_add_optional, _add_optional_inside, _reword])
def test_a_change_that_old_and_new_survive_is_allowed(change: Callable[[Schema], None]) -> None:
    new = copy.deepcopy(schema_of(SENT))
    change(new)
    assert breaks(schema_of(SENT), new) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_add_required, "$.not_yet: added as required"),
        (_remove, "$.flash: removed"),
        (_no_longer_required, "$.actor.key_id: no longer required"),
        (_now_required, "$.reference: now required"),
        (_retype, "$.sender: type changed"),
        (_other_default, "$.max_parts: default changed"),
        (_no_null, "$.reference: changed"),
        (_add_word, "$.lane: enum changed"),
    ],
)
def test_a_change_that_breaks_somebody_is_found(change: Callable[[Schema], None], fault: str) -> None:
    new = copy.deepcopy(schema_of(SENT))
    change(new)
    assert breaks(schema_of(SENT), new) == [fault]


def test_writing_makes_what_the_gate_compares(tmp_path: Path) -> None:
    assert write(unreleased=False, folder=tmp_path) == []
    assert all(committed(name, tmp_path) == committed(name) for name in TYPES)


def test_writing_refuses_a_break_whole_unless_nothing_was_released(tmp_path: Path) -> None:
    write(unreleased=False, folder=tmp_path)
    older = tmp_path / f"{SENT}.json"
    older.write_text(older.read_text().replace('"flash"', '"loud"'))
    left = tmp_path / "no.budstikke.sms.part-lost.v1.json"
    left.write_text("{}")
    before = older.read_text()

    found = write(unreleased=False, folder=tmp_path)
    assert found == [f"{SENT}: $.loud: removed", "no.budstikke.sms.part-lost.v1: removed"]
    assert older.read_text() == before
    assert left.exists()

    assert write(unreleased=True, folder=tmp_path) == found
    assert committed(SENT, tmp_path) == schema_of(SENT)
    assert not left.exists()
