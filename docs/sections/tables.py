"""Tables in Markdown, and rows that tell what a JSON schema says of one value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Schema = dict[str, Any]

_WORDS = {"integer": "whole number", "number": "number", "string": "text", "object": "mapping"}
_FORMATS = {"path": "path", "password": "text, secret"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """One table. A bar in a cell is escaped, its line ends become blanks."""
    lines = [_line(head), _line(["---"] * len(head)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def code(value: object) -> str:
    """A value as code."""
    return f"`{value}`"


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def kind_of(schema: Schema) -> str:
    """Type and range of a value: `whole number, 1 to 65535`."""
    if "anyOf" in schema:
        (schema,) = (one for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    if schema.get("type") == "boolean":
        return "`true` or `false`"
    if schema.get("type") == "array":
        return f"list of: {kind_of(schema['items'])}"
    word = _FORMATS.get(schema.get("format", ""), _WORDS.get(schema.get("type", "object"), "mapping"))
    if "pattern" in schema:
        return f"{word} like {code(schema['pattern'])}"
    return ", ".join(filter(None, [word, _range(schema)]))


def default_of(schema: Schema, *, required: bool) -> str:
    """The default, or that there is none."""
    if required:
        return "**required**"
    value = schema.get("default")
    if value is None or value == "":
        return "none"
    return code(str(value).lower() if isinstance(value, bool) else value)


def _range(schema: Schema) -> str:
    low = str(schema["minimum"]) if "minimum" in schema else ""
    if "exclusiveMinimum" in schema:
        low = f"above {schema['exclusiveMinimum']}"
    high = str(schema["maximum"]) if "maximum" in schema else ""
    if "maxLength" in schema:
        return f"{schema.get('minLength', 0)} to {schema['maxLength']} characters"
    return f"{low}, at most {high}" if low.startswith("above") and high else " to ".join(filter(None, [low, high]))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"
