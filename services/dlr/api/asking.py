"""Bodies and queries of what is asked, and how a fault of them is told: with the place, without what was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from shared.cursors import Place, place_of
from shared.errors import FieldError, Refused
from shared.internal.api import octets_of

B = TypeVar("B", bound=msgspec.Struct)

MOST_OCTETS: Final = 16_384

_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<field>[A-Za-z_][A-Za-z_-]{0,39})`")
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>\w+)`")
_PLACE: Final = re.compile(r" - at `\$(?P<steps>[^`]*)`\Z")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_KINDS: Final = (
    (re.compile(r"Object contains unknown field"), "unknown_field", "there is no such field"),
    (re.compile(r"Object missing required field"), "missing_field", "the field is required"),
    (re.compile(r"Expected `\w+` of length >="), "too_short", "the value is too short"),
    (re.compile(r"Expected `\w+` of length <="), "too_long", "the value is too long"),
    (re.compile(r"Invalid enum value"), "unknown_value", "is not one of the documented values"),
)


async def body_of(request: Request, kind: type[B]) -> B:
    """The JSON body as a struct. Raises `Refused`: `body_too_large`, and what `decode` does."""
    return decode(await octets_of(request, MOST_OCTETS), kind)


def decode(body: bytes, kind: type[B]) -> B:
    """Raises `Refused`: `invalid_json`, or `invalid_request` naming the first field that is wrong."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid(_field_error(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("invalid_json", "the body is not valid JSON in UTF-8") from None


def query_of(request: Request, *names: str) -> Mapping[str, str]:
    """The parameters, of which these are known, each at most once. Raises `Refused` (`invalid_request`)."""
    given = request.query_params.multi_items()
    query = dict(given)
    if query.keys() - set(names):
        raise invalid_query(f"other than {', '.join(names)}", "unknown_field", "there is no such parameter")
    if len(query) != len(given):
        raise invalid_query("given twice", "duplicate_field", "give it once")
    return query


def limit_in(query: Mapping[str, str], usual: int, most: int) -> int:
    """How many are wanted on a page. Raises `Refused` (`invalid_request`)."""
    value = query.get("limit", str(usual))
    if not (value.isascii() and value.isdecimal() and len(value) <= len(str(most)) and 1 <= int(value) <= most):
        raise invalid_query("limit", "out_of_range", f"must be a whole number from 1 to {most}")
    return int(value)


def place_in(query: Mapping[str, str]) -> Place | None:
    """The place that the page stands behind, None for the first. Raises `Refused` (`invalid_request`)."""
    cursor = query.get("cursor")
    try:
        return None if cursor is None else place_of(cursor)
    except ValueError:
        raise invalid_query("cursor", "invalid_cursor", "is none that a list gave") from None


def invalid(error: FieldError) -> Refused:
    """The refusal of one field."""
    return Refused("invalid_request", "a field is wrong", [error])


def invalid_query(name: str, code: str, message: str) -> Refused:
    """The refusal of a query parameter: a pointer would point into the body, so the message says the name."""
    return invalid(FieldError("", code, f"query parameter {name}: {message}"))


def _field_error(text: str) -> FieldError:
    place = _PLACE.search(text)
    pointer = "".join(f"/{name or index}" for name, index in _STEP.findall(place["steps"])) if place else ""
    named = _UNKNOWN.match(text) or _MISSING.match(text)
    if named is not None:
        pointer += f"/{named['field']}"
    for pattern, code, message in _KINDS:
        if pattern.match(text):
            return FieldError(pointer, code, message)
    return FieldError(pointer, "wrong_type", "the value does not fit")
