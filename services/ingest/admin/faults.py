"""What the models find wrong with a request, as errors that name the field and quote nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from services.ingest.admin.problems import AdminFieldCode, Invalid
from services.ingest.api.problems import Code, FieldCode, Rejected
from shared.errors import FieldError, Refused

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}")
_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "missing": (FieldCode.MISSING_FIELD, "the field is required"),
    "extra_forbidden": (FieldCode.UNKNOWN_FIELD, "there is no such field"),
    "string_too_short": (FieldCode.TOO_SHORT, "must have a length >= {min_length}"),
    "string_too_long": (FieldCode.TOO_LONG, "must have a length <= {max_length}"),
    "too_short": (FieldCode.TOO_SHORT, "must have a length >= {min_length}"),
    "too_long": (FieldCode.TOO_LONG, "must have a length <= {max_length}"),
    "string_pattern_mismatch": (AdminFieldCode.WRONG_FORM, "must match {pattern}"),
    "greater_than_equal": (FieldCode.OUT_OF_RANGE, "must be >= {ge}"),
    "less_than_equal": (FieldCode.OUT_OF_RANGE, "must be <= {le}"),
    "int_parsing_size": (FieldCode.OUT_OF_RANGE, "the number is out of range"),
    "enum": (FieldCode.UNKNOWN_VALUE, "must be {expected}"),
}
_TYPES: Final[Mapping[str, str]] = {
    "string": "a string",
    "int": "an integer",
    "bool": "true or false",
    "list": "a list",
    "model": "an object",
}


def invalid(found: Iterable[Mapping[str, Any]]) -> Refused:
    """The refusal for what pydantic found (`ValidationError.errors()`)."""
    errors = list(found)
    if any(error["type"] == "json_invalid" for error in errors):
        return Rejected(Code.INVALID_JSON)
    return Invalid([_field_error(error) for error in errors])


def _field_error(error: Mapping[str, Any]) -> FieldError:
    where, *steps = error["loc"]
    code, message = _meaning(error)
    if where == "body":
        return FieldError(_pointer(steps), code, message)
    # A pointer points into the body; of a query or a path the message says the name.
    name = str(steps[-1]) if steps and _NAME.fullmatch(str(steps[-1])) else "one"
    return FieldError("", code, f"{where} parameter {name}: {message}")


def _meaning(error: Mapping[str, Any]) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _CODES:
        code, message = _CODES[kind]
        return code, message.format(**context)
    for beginning, name in _TYPES.items():
        if kind.startswith(beginning):
            return FieldCode.WRONG_TYPE, f"must be {name}"
    return kind, error["msg"]


def _pointer(steps: Sequence[str | int]) -> str:
    """A JSON pointer; a name that is not like a name may be anything, and is left out."""
    return "".join(f"/{step}" for step in steps if isinstance(step, int) or _NAME.fullmatch(step))
