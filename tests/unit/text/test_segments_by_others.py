"""Two published splitters agree with ours, but for their known wrong answers: U+001B and the empty text."""

import smsutil
from hypothesis import given

from shared.text import segments
from tests.unit.text.texts import said_by_each_part, sendable_texts

some_text = sendable_texts.filter(bool)


@given(some_text)
def test_smsutil_splits_alike(text: str) -> None:
    cut = segments.split(text, 1)
    theirs = smsutil.split(text)

    assert said_by_each_part(cut) == [part.content for part in theirs.parts]
    assert {"gsm7": "gsm0338", "ucs2": "utf_16_be"}[cut.coding] == theirs.encoding


@given(some_text)
def test_sms_toolkit_splits_alike(text: str) -> None:
    from sms_toolkit.messages.profiling import profile_message

    theirs = profile_message(text)

    assert said_by_each_part(segments.split(text, 1)) == [segment["message"] for segment in theirs["segments"]]
    assert segments.measure(text).parts == theirs["num_segments"]
