"""What the management takes, and how a fault of it is told: with a pointer to the field, without what was sent."""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeVar

import msgspec

from services.dlr.webhooks.client.targets import MOST_CHARACTERS
from services.dlr.webhooks.endpoints.occasion import Occasion
from shared.errors import FieldError, Refused

B = TypeVar("B", bound=msgspec.Struct)

MOST_OCTETS: Final = 16_384

# What is more than a length is documented here, and checked by `parse_target` with codes of its own.
Url = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MOST_CHARACTERS,
        description="https or http, on port 80, 443, 8080 or 8443 of a public host.",
        extra_json_schema={"format": "uri", "pattern": "^https?://[!-~]+$"},
    ),
]
States = Annotated[
    list[Occasion],
    msgspec.Meta(
        min_length=1,
        max_length=len(Occasion),
        description="The states of messages that are told there; `received`: incoming messages, too.",
    ),
]

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


class NewEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a creation. Without `states`: all final ones."""

    url: Url
    states: States | None = None


class EndpointChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a change; what is not named stays. `enabled` true also ends a switching off by us."""

    url: Url | msgspec.UnsetType = msgspec.UNSET
    states: States | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


def decode(body: bytes, kind: type[B]) -> B:
    """Raises `Refused`: `body_too_large`, `invalid_json`, or `invalid_request` naming the first field that is wrong."""
    if len(body) > MOST_OCTETS:
        raise Refused("body_too_large", f"at most {MOST_OCTETS} octets")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid(_field_error(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("invalid_json", "the body is not valid JSON in UTF-8") from None


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
