"""A fixed piece of work, so that a cost can be told as a multiple of it: what that is depends little on the machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import msgspec

_ROUNDS: Final = 4_000


class _Thing(msgspec.Struct, frozen=True, gc=False):
    name: str
    at: datetime
    state: str
    parts: tuple[int, ...] = ()


def seconds() -> float:
    """CPU seconds of a round: JSON both ways, structs, dictionaries, strings and calls, as a record costs them."""
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(_Thing).decode
    thing = _Thing("0190163d-8694-739b-aea5-966c26f8ad91", datetime(2026, 1, 1, tzinfo=UTC), "delivered", (1, 2, 3))
    known: dict[str, _Thing] = {}
    began = time.process_time()
    for number in range(_ROUNDS):
        read = decode(encode(thing))
        name = f"{read.name}:{number}"
        known[name] = msgspec.structs.replace(read, name=name, state=_state(read.state, number))
        if name.endswith("99") and known.pop(name).state == "queued":
            known.clear()
    return time.process_time() - began


def _state(state: str, number: int) -> str:
    return "queued" if number % 7 == 0 else state.lower()
