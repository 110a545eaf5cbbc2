"""The parts of the public document: a file per service behind the front door, written from that service's structs.

`python -m docs.generate` writes them; the front door reads them and puts them to its own. So the door documents what
it passes on without a service importing another, and a change of the public contract shows as a change of a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from shared.contracts.openapi.pieces import Json

FOLDER: Final = Path(__file__).parent


def path_of(service: str) -> Path:
    """Where a service's part lies."""
    return FOLDER / f"{service}.json"


def text_of(part: Json) -> str:
    """A part as its file has it: `paths`, `webhooks` and `components`, as in the whole document."""
    return msgspec.json.format(msgspec.json.encode(part), indent=2).decode() + "\n"


def parts() -> list[Json]:
    """All of them, in the order of the services' names."""
    return [msgspec.json.decode(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))]


def added(whole: Json, part: Json) -> None:
    """Put a part to the whole. Raises `ValueError` for a path that is there, or a schema that is there and differs."""
    for name, own in (("paths", part["paths"]), ("webhooks", part.get("webhooks", {}))):
        if twice := whole.setdefault(name, {}).keys() & own.keys():
            raise ValueError(f"{name} that two parts have: {sorted(twice)}")
        whole[name].update(own)
    schemas = whole["components"]["schemas"]
    for name, schema in part["components"]["schemas"].items():
        if schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two parts have schemas of the name {name}")
