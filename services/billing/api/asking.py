"""What every route of the internal API asks of bodies and queries, and how a fault of them is told."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from shared.errors import FieldError, Refused
from shared.internal.api import octets_of

MOST_OCTETS: Final = 65_536

_ABSENT: Final = re.compile(r"Object missing required field `(?P<field>\w+)`")

B = TypeVar("B", bound=msgspec.Struct)


async def body_of(request: Request, kind: type[B]) -> B:
    """The JSON body as a struct. Raises `Refused`: `body_too_large`, `invalid_request` naming the place, or each field
    that is missing.
    """
    octets = await octets_of(request, MOST_OCTETS)
    try:
        return _decoded(octets, kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("invalid_request", "the body is no JSON") from None


def _decoded(octets: bytes, kind: type[B]) -> B:
    try:
        return msgspec.json.decode(octets, type=kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        pointer = place.rstrip("`").replace(".", "/").replace("[", "/").replace("]", "")
        if (absent := _ABSENT.match(message)) is None:
            told = message.partition(", got")[0] if place else "not what is asked for"
            faults = [FieldError(pointer, "invalid_value", told)]
        else:
            names = [absent["field"]] if place else _absent(octets, kind)
            faults = [FieldError(f"{pointer}/{name}", "missing_field", "the field is required") for name in names]
        raise Refused("invalid_request", "the body is not what is asked for", faults) from None


def _absent(octets: bytes, kind: type[msgspec.Struct]) -> list[str]:
    """All required fields that a body has not, of which the decoder names the first alone."""
    given = msgspec.json.decode(octets, type=dict[str, msgspec.Raw])
    return [field.name for field in msgspec.structs.fields(kind) if field.required and field.name not in given]


def query_of(request: Request, *names: str) -> dict[str, str]:
    """The query's parameters, of which these are known, each at most once. Raises `Refused` (`invalid_request`)."""
    given = request.query_params.multi_items()
    found = dict(given)
    if found.keys() - set(names) or len(found) != len(given):
        allowed = f"other than {', '.join(names)}" if names else "of any name"
        fault = FieldError("", "unknown_field", f"query parameter {allowed}, or one twice: there is no such parameter")
        raise Refused("invalid_request", "the query is not what is asked for", [fault])
    return found
