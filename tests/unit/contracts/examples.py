"""The golden examples, as records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from shared.kafka.record import Record

FOLDER = Path(__file__).resolve().parents[3] / "shared/contracts/examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
SENT = "no.budstikke.sms.send-requested.v1"
FACT = "no.budstikke.sms.part-fact.v1"


def example(name: str) -> dict[str, Any]:
    """The example of a `ce_type`, as its file says it."""
    document: dict[str, Any] = msgspec.json.decode((FOLDER / f"{name}.json").read_bytes())
    return document


def record(
    name: str = FACT, *, headers: dict[str, str] | None = None, value: bytes | object | None = ..., **changes: object
) -> Record:
    """The example as a record; `changes` go into its value (`...` removes a field), the others replace."""
    document = example(name)
    fields = {key: value for key, value in {**document["value"], **changes}.items() if value is not ...}
    content = msgspec.json.encode(fields) if value is ... else value
    assert content is None or isinstance(content, bytes)
    return Record(
        topic="sms.facts",
        partition=2,
        offset=41,
        timestamp=1_795_342_503_250,
        key=document["key"].encode(),
        value=content,
        headers=tuple((key, value.encode()) for key, value in (headers or document["headers"]).items()),
    )
