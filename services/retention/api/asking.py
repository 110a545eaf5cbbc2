"""Bodies of what is asked of retention, and how a fault of them is told: with the place, without what was sent."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request

from services.retention.api.problems import MOST_OCTETS
from shared.errors import FieldError, Refused
from shared.internal.api import octets_of

B = TypeVar("B")


async def body_of(request: Request, kind: type[B]) -> B:
    """The JSON body as a struct. Raises `Refused`: `body_too_large`, `invalid_request` naming the place."""
    octets = await octets_of(request, MOST_OCTETS)
    try:
        return msgspec.json.decode(octets, type=kind)
    except msgspec.ValidationError as error:
        place = str(error).partition(" - at `$")[2].rstrip("`").replace(".", "/")
        raise invalid(place, "invalid_value", "does not fit") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid("", "invalid_value", "is no JSON") from None


def query_of(request: Request, *known: str) -> dict[str, str]:
    """The parameters of the query. Raises `Refused` (`invalid_request`) for one that is not known, or given twice: a
    misspelt filter would show what was not asked for.
    """
    given = request.query_params.multi_items()
    query = dict(given)
    if len(given) > len(query) or not query.keys() <= set(known):
        raise invalid("", "unknown_field", f"the query may have, once each: {', '.join(known) or 'nothing'}")
    return query


def invalid(pointer: str, code: str, message: str) -> Refused:
    """The refusal of one field."""
    return Refused("invalid_request", "a field is wrong", [FieldError(pointer, code, message)])
