"""Pieces of OpenAPI 3.1, so that what several services say of their calls reads as one document.

Schemas come from the structs that the code decodes and encodes with. Of a refusal the document says every code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from shared.http import PROBLEM, Kind, Problem

Json = dict[str, Any]

JSON: Final = "application/json"
_SCHEMA: Final = "#/components/schemas/{name}"


def schema(kind: type) -> Json:
    """A reference to the schema of a struct."""
    return {"$ref": _SCHEMA.format(name=kind.__name__)}


def schemas(kinds: Sequence[type]) -> Json:
    """The schemas of these structs and of all that they hold, by name; that of `Problem` is always there."""
    _, components = msgspec.json.schema_components([*kinds, Problem], ref_template=_SCHEMA)
    as_json: Json = msgspec.json.decode(msgspec.json.encode(components))  # a default may be a tuple: compare as JSON
    return as_json


def taken(kind: type, examples: Mapping[str, Json]) -> Json:
    """A body that is required. Each example has a `summary` and a `value`."""
    return {"required": True, "content": {JSON: {"schema": schema(kind), "examples": dict(examples)}}}


def given(description: str, kind: type, example: object) -> Json:
    """An answer in JSON; the example may be a struct."""
    return {
        "description": description,
        "content": {JSON: {"schema": schema(kind), "example": msgspec.to_builtins(example)}},
    }


def refused(kinds: Mapping[str, Kind]) -> Json:
    """One response per status, with an example of each code."""
    by_status: dict[int, Json] = {}
    for code, kind in sorted(kinds.items(), key=lambda item: item[1].status):
        value = {"type": f"urn:budstikke:error:{code}", "title": kind.title, "status": kind.status, "code": str(code)}
        by_status.setdefault(kind.status, {})[str(code)] = {"summary": kind.meaning, "value": value}
    return {str(status): _refusal(examples) for status, examples in by_status.items()}


def joined(responses: Mapping[str, Json], more: Mapping[str, Json]) -> Json:
    """The responses of both, by status. Of a code that both refuse with, the first one's meaning is told."""
    together = {**more, **responses}
    for status in responses.keys() & more.keys():
        examples = [_examples(one[status]) for one in (more, responses)]
        together[status] = _refusal({**examples[0], **examples[1]})
    return dict(sorted(together.items()))


def parameter(name: str, place: str, description: str, schema: Json, **more: object) -> Json:
    """A parameter of the `path`, the `query`, or a `header`."""
    required = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, **required, "description": description, "schema": schema, **more}


def _refusal(examples: Json) -> Json:
    return {
        "description": " ".join(f"`{code}`: {example['summary']}" for code, example in examples.items()),
        "content": {PROBLEM: {"schema": schema(Problem), "examples": examples}},
    }


def _examples(response: Json) -> Json:
    examples: Json = response["content"][PROBLEM]["examples"]
    return examples
