"""From octets to a typed body, or to an error that names the field. Pure.

msgspec tells faults apart only by their text; the texts of the pinned version are held by a table of tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from services.ingest.api.problems import Code, FieldCode, Rejected, invalid
from shared.errors import FieldError
from shared.text.codes import TextCode

B = TypeVar("B", bound=msgspec.Struct)


class _Fault(NamedTuple):
    pattern: re.Pattern[str]
    code: FieldCode
    message: str


_FAULTS: Final = (
    _Fault(
        re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL),
        FieldCode.UNKNOWN_FIELD,
        "there is no such field",
    ),
    _Fault(
        re.compile(r"Object missing required field `(?P<field>\w+)`"), FieldCode.MISSING_FIELD, "the field is required"
    ),
    _Fault(
        re.compile(r"Expected `\w+` of length (?P<bound>>= \d+)"), FieldCode.TOO_SHORT, "must have a length {bound}"
    ),
    _Fault(re.compile(r"Expected `\w+` of length (?P<bound><= \d+)"), FieldCode.TOO_LONG, "must have a length {bound}"),
    _Fault(re.compile(r"Expected `int` (?P<bound>[<>]= \d+)"), FieldCode.OUT_OF_RANGE, "must be {bound}"),
    _Fault(re.compile(r"Number out of range"), FieldCode.OUT_OF_RANGE, "the number is out of range"),
    _Fault(re.compile(r"Expected `(?P<type>[^`]+)`"), FieldCode.WRONG_TYPE, "must be {type}"),
    _Fault(re.compile(r"Invalid enum value"), FieldCode.UNKNOWN_VALUE, "is not one of the documented values"),
)
_PLACE: Final = re.compile(r" - at `\$(?P<steps>[^`]*)`\Z")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}")
_KEY: Final = re.compile(rb'"([a-z_]+)"[ \t\r\n]*:')
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class Decoder(Generic[B]):
    """Decodes bodies of one type."""

    def __init__(self, kind: type[B]) -> None:
        self._decode = msgspec.json.Decoder(kind).decode

    def __call__(self, body: bytes) -> B:
        """Raises `Rejected`: `invalid_json`, or `invalid_request` with the first field that is wrong."""
        try:
            return self._decode(body)
        except msgspec.ValidationError as error:
            raise Rejected(Code.INVALID_REQUEST, errors=(_field_error(str(error)),)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _unreadable(body) from None


def refuse_duplicates(body: bytes) -> None:
    """Refuse a field that is given twice (`duplicate_field`): which of the two is meant, nobody can know.

    `body` has been decoded before and holds no objects inside its own: then a quoted name before a colon can only be
    a field.
    """
    names = _KEY.findall(body)
    if len(names) != len(set(names)):
        twice = next(name.decode() for name in names if names.count(name) > 1)
        raise invalid(f"/{twice}", FieldCode.DUPLICATE_FIELD, "the field is given more than once")


def _field_error(text: str) -> FieldError:
    """What msgspec says, with a JSON pointer and without anything of what was sent."""
    place = _PLACE.search(text)
    pointer = "".join(f"/{name or index}" for name, index in _STEP.findall(place["steps"])) if place else ""
    for pattern, code, message in _FAULTS:
        match = pattern.match(text)
        if match is None:
            continue
        found = match.groupdict()
        field = found.get("field")
        if field is not None:
            # A name that is not like a name may be a number or a text in the wrong place.
            pointer += f"/{field}" if _NAME.fullmatch(field) else ""
        return FieldError(pointer, code, message.format(**found))
    return FieldError(pointer, FieldCode.WRONG_TYPE, "the value does not fit")


def _unreadable(body: bytes) -> Rejected:
    """Why the body is no JSON; half a surrogate pair is told apart, because it is a fault of a text."""
    if _SURROGATE.search(body):
        try:
            faulty = next(_surrogates("", json.loads(body)), None)
        except (ValueError, RecursionError):
            faulty = None
        if faulty is not None:
            return invalid(faulty, TextCode.LONE_SURROGATE, "the value holds half of a surrogate pair")
    return Rejected(Code.INVALID_JSON)


def _surrogates(pointer: str, value: object) -> Iterator[str]:
    """Pointers to the strings that hold half of a surrogate pair, in the members of an object and its lists."""
    if isinstance(value, str):
        if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            yield pointer
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _surrogates(f"{pointer}/{index}", item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _surrogates(f"{pointer}/{name}" if _NAME.fullmatch(name) else pointer, item)
