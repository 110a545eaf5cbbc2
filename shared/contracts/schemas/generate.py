"""Schemas from the structs: one file per event type and version, committed beside this module."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from shared.contracts.codec import TYPES
from shared.contracts.schemas.compatibility import Schema, breaks

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FOLDER: Final = Path(__file__).resolve().parent


def schema_of(name: str) -> Schema:
    """The schema of one `ce_type`. Objects are open: readers ignore fields that they do not know."""
    schema = {"$schema": DIALECT, "$id": f"urn:budstikke:event:{name}", **msgspec.json.schema(TYPES[name])}
    as_json: Schema = msgspec.json.decode(msgspec.json.encode(schema))
    return as_json


def committed(name: str, folder: Path = FOLDER) -> Schema | None:
    """The schema that the repository holds, or None for a type that is new."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    schema: Schema = msgspec.json.decode(path.read_bytes())
    return schema


def write(*, unreleased: bool, folder: Path = FOLDER) -> list[str]:
    """Bring the files up to date, all or none; return what would break readers or old records.

    Nothing is written while there is a break, unless the caller says that none of it was ever released.
    """
    schemas = {name: schema_of(name) for name in TYPES}
    found = [
        f"{name}: {fault}"
        for name, schema in schemas.items()
        if (before := committed(name, folder)) is not None
        for fault in breaks(before, schema)
    ]
    gone = sorted(path for path in folder.glob("*.json") if path.stem not in TYPES)
    found += [f"{path.stem}: removed" for path in gone]
    if found and not unreleased:
        return found
    for path in gone:
        path.unlink()
    for name, schema in schemas.items():
        text = msgspec.json.format(msgspec.json.encode(schema), indent=2)
        (folder / f"{name}.json").write_bytes(text + b"\n")
    return found
