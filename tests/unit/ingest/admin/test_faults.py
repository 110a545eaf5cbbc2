"""What is wrong with a request is named and never quoted; cursors are opaque and checked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import BaseModel, ValidationError

from services.ingest.admin import models
from services.ingest.admin.cursors import cut, decode, encode
from services.ingest.admin.faults import invalid
from services.ingest.admin.problems import Invalid
from shared.errors import FieldError

SECRET = "99999999"


def faults(kind: type[BaseModel], value: Any) -> tuple[FieldError, ...]:
    with pytest.raises(ValidationError) as error:
        kind.model_validate(value)
    found = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.value.errors(include_url=False)]
    return invalid(found).errors


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (models.NewStaff, {}, [("/name", "missing_field"), ("/role", "missing_field")]),
        (models.NewStaff, {"name": "n", "role": SECRET}, [("/role", "unknown_value")]),
        (models.NewStaff, {"name": SECRET + "\n", "role": "desk"}, [("/name", "wrong_form")]),
        (models.NewStaff, {"name": "n", "role": "desk", SECRET: 1}, [("", "unknown_field")]),
        (models.NewAccount, {"id": SECRET + "!", "organisation": "o", "name": "n"}, [("/id", "wrong_form")]),
        (models.What, {"lanes": SECRET}, [("/lanes", "wrong_type")]),
        (models.What, {"lanes": [{"a": SECRET}]}, [("/lanes/0", "unknown_value")]),
        (models.What, {"lanes": ["bulk"] * 4}, [("/lanes", "too_long")]),
        (models.AccessBody, {"ip_ranges": [{"from": SECRET, "to": 7}]}, [("/ip_ranges/0/to", "wrong_type")]),
        (models.AccessBody, {"ip_ranges": [{"first": "::", "last": "::"}]}, [
            ("/ip_ranges/0/from", "missing_field"),
            ("/ip_ranges/0/to", "missing_field"),
            ("/ip_ranges/0/first", "unknown_field"),
            ("/ip_ranges/0/last", "unknown_field"),
        ]),
        (models.Rotation, {"overlap_seconds": 1.5}, [("/overlap_seconds", "wrong_type")]),
        (models.Rotation, {"overlap_seconds": 10**30}, [("/overlap_seconds", "out_of_range")]),
        (models.LimitsBody, {"messages_per_second": True}, [("/messages_per_second", "wrong_type")]),
    ],
)  # fmt: skip
def test_every_fault_has_a_pointer_and_a_code_and_quotes_nothing(
    kind: type[BaseModel], value: Any, expected: list[tuple[str, str]]
) -> None:
    found = faults(kind, value)
    assert [(fault.pointer, fault.code) for fault in found] == expected
    assert SECRET not in str(found)
    assert all(fault.message for fault in found)


def test_a_name_may_have_blanks_of_any_width_within() -> None:
    assert models.NewStaff.model_validate({"name": "Kari\u00a0Nordmann", "role": "desk"}).name == "Kari\u00a0Nordmann"


@given(some.text(max_size=60))
def test_a_cursor_leads_back_to_where_it_was_made(last: str) -> None:
    try:
        cursor = encode(last)
    except UnicodeEncodeError:
        return
    assert decode(cursor) == last


@given(some.text(max_size=60))
def test_any_other_text_is_no_cursor_or_an_id(text: str) -> None:
    try:
        decode(text)
    except Invalid as error:
        codes = [fault.code for fault in error.errors]
    else:
        codes = []
    assert codes in ([], ["invalid_cursor"])


def test_a_page_knows_whether_there_is_another() -> None:
    assert cut([1, 2, 3], 2) == ([1, 2], True)
    assert cut([1, 2], 2) == ([1, 2], False)
    assert decode(None) is None
