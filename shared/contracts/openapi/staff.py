"""What owners answer to staff, for the document of `/admin`: a table of calls, of which each owner writes a part.

As with the public parts, `python -m docs.generate` writes the files, and the front door reads them. Names of schemas
begin with the tag, for the door has schemas of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from shared.contracts.openapi.pieces import JSON, Json, parameter, refused, schemas
from shared.http import Kind

FOLDER: Final = Path(__file__).parent / "staff"

_XML: Final = "application/xml"
_REFERENCE: Final = "#/components/schemas/"
_IN_PATHS: Final[Mapping[str, Json]] = {
    "month": {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"},
    "day": {"type": "string", "format": "date"},
    "number": {"type": "integer", "minimum": 1, "maximum": 999_999_999_999},
}
_WORD: Final[Json] = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `path` lies under `/admin/<tag>/`. `answers` has what each status gives: a struct, or None for XML.

    `codes` are those of its refusals, `query` its parameters.
    """

    method: str
    path: str
    summary: str
    answers: Mapping[int, type | None]
    codes: Sequence[str] = ()
    query: Sequence[Json] = ()
    body: type | None = None


def get(path: str, summary: str, gives: type | None, *codes: str, query: Sequence[Json] = ()) -> Call:
    """A read, with the codes of its refusals."""
    return Call(method="GET", path=path, summary=summary, answers={200: gives}, codes=codes, query=query)


def post(
    path: str,
    summary: str,
    gives: type,
    *codes: str,
    body: type | None = None,
    query: Sequence[Json] = (),
    statuses: Sequence[int] = (200,),
) -> Call:
    """A command, with the codes of its refusals; whichever status it answers with, it gives the same struct."""
    answers = dict.fromkeys(statuses, gives)
    return Call(method="POST", path=path, summary=summary, answers=answers, codes=codes, query=query, body=body)


def path_of(service: str) -> Path:
    """Where a service's part lies."""
    return FOLDER / f"{service}.json"


def parts() -> list[Json]:
    """All of them, in the order of the services' names."""
    return [msgspec.json.decode(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))]


def query(name: str, description: str, schema: Json) -> Json:
    """A parameter of the query."""
    return parameter(name, "query", description, schema)


def part(tag: str, calls: Sequence[Call], kinds: Mapping[str, Kind]) -> Json:
    """The part: `paths` and `components`, as in the whole document."""
    paths: Json = {}
    for call in calls:
        paths.setdefault(f"/admin/{tag}/{call.path}", {})[call.method.lower()] = _told(tag, call, kinds)
    structs = {kind for call in calls for kind in (*call.answers.values(), call.body) if kind is not None}
    described = schemas(sorted(structs, key=lambda kind: kind.__name__))
    whole = {"paths": paths, "components": {"schemas": {f"{tag}.{name}": one for name, one in described.items()}}}
    text = msgspec.json.encode(whole).decode().replace(f'"{_REFERENCE}', f'"{_REFERENCE}{tag}.')
    decoded: Json = msgspec.json.decode(text)
    return decoded


def _told(tag: str, call: Call, kinds: Mapping[str, Kind]) -> Json:
    words = [word.strip("{}") for word in call.path.replace("-", "_").split("/")]
    names = [word.strip("{}") for word in call.path.split("/") if word.startswith("{")]
    in_path = [parameter(name, "path", f"The {name}.", dict(_IN_PATHS.get(name, _WORD))) for name in names]
    body = {"requestBody": {"required": True, "content": {JSON: {"schema": _schema(call.body)}}}} if call.body else {}
    answers = {
        str(status): {
            "description": "As it is now.",
            "content": {_XML: {"schema": {"type": "string"}}} if kind is None else {JSON: {"schema": _schema(kind)}},
        }
        for status, kind in call.answers.items()
    }
    return {
        "operationId": "_".join([tag, call.method.lower(), *words]),
        "summary": call.summary,
        "tags": [tag],
        "parameters": [*in_path, *call.query],
        **body,
        "responses": {**answers, **refused({code: kinds[code] for code in call.codes})},
    }


def _schema(kind: type) -> Json:
    return {"$ref": f"{_REFERENCE}{kind.__name__}"}
