"""The operators file: what its schema says of each field."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from docs.sections.tables import Schema, code, default_of, kind_of, table
from services.dispatch.operators.config import Link, Operator, Operators, Route

HEAD = ("field", "value", "default", "meaning")


def operators() -> str:
    """A table per part of the file."""
    parts = (
        ("", Operators),
        ("operators.<name>.", Operator),
        ("operators.<name>.links[].", Link),
        ("routes[].", Route),
    )
    return table(HEAD, (row for prefix, kind in parts for row in _rows(prefix, kind)))


def _rows(prefix: str, kind: type[msgspec.Struct]) -> Iterator[tuple[str, ...]]:
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    for name, field in schema["properties"].items():
        default = default_of(field, required=name in schema["required"])
        yield code(prefix + name), _kind(field), default, field["description"]


def _kind(field: Schema) -> str:
    """As of any value; what is made of further tables is a mapping or a list of them."""
    if field.get("type") == "array" and "$ref" in field["items"]:
        return "list of mappings"
    return kind_of(field)
