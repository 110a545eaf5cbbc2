"""What a request would be as a message, or why it cannot be one."""

from __future__ import annotations

from typing import Any

import pytest

from services.ingest.screening.facts import Form
from services.ingest.screening.rules.form import form
from services.ingest.screening.verdict import Expire, Reject
from shared.contracts.codes import Reason
from shared.text.numbers import Number
from shared.text.segments import Coding
from tests.unit.dispatch.building import NUMBER, START, Letters
from tests.unit.ingest.screening.building import FORM, LATER


@pytest.mark.parametrize(
    ("changes", "number", "text", "expected"),
    [
        ({}, NUMBER, "hei", FORM),
        ({}, "98765432", "hei", FORM),
        ({}, "0047 987 65 432", "hei", FORM),
        ({"sender": " Firma "}, NUMBER, "hei", Form(Number(NUMBER), "Firma", Coding.GSM7, 1, "NO")),
        ({"sender": "22222222"}, NUMBER, "hei", Form(Number(NUMBER), "+4722222222", Coding.GSM7, 1, "NO")),
        ({}, "+46701234567", "ж" * 71, Form(Number("+46701234567"), "Budstikke", Coding.UCS2, 2, "SE")),
        ({"valid_until": START}, NUMBER, "hei", Expire()),
        ({"valid_until": START, "sender": "?"}, "x", "", Expire()),
        ({"sender": "Altfor langt navn"}, NUMBER, "hei", Reject(Reason.INVALID_SENDER, "sender_shape")),
        ({"sender": "abcdefghijkl"}, NUMBER, "hei", Reject(Reason.INVALID_SENDER, "sender_shape")),
        ({"sender": ""}, NUMBER, "hei", Reject(Reason.INVALID_SENDER, "sender_shape")),
        ({"sender": "?"}, "x", "", Reject(Reason.INVALID_SENDER, "sender_shape")),
        ({}, "2097", "hei", Reject(Reason.INVALID_NUMBER, "recipient")),
        ({}, "+4722222222", "hei", Reject(Reason.INVALID_NUMBER, "recipient")),
        ({}, "", "", Reject(Reason.INVALID_NUMBER, "recipient")),
        ({}, NUMBER, "", Reject(Reason.INVALID_TEXT, "empty_text")),
        ({"max_parts": 1}, NUMBER, "x" * 161, Reject(Reason.INVALID_TEXT, "text_size")),
        ({"allow_unicode": False}, NUMBER, "ж", Reject(Reason.INVALID_TEXT, "text_size")),
        ({"max_parts": 300}, NUMBER, "x" * 50_000, Reject(Reason.INVALID_TEXT, "text_size")),
        ({}, NUMBER, "a\x1bb", Reject(Reason.INVALID_TEXT, "text_size")),
    ],
)
def test_forms(
    letters: Letters, changes: dict[str, Any], number: str, text: str, expected: Form | Reject | Expire
) -> None:
    request = letters.requested(**{"valid_until": LATER, **changes})

    assert form(request, number, text, START) == expected


def test_a_form_shows_no_number() -> None:
    assert "98765432" not in repr(FORM)
