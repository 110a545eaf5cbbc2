from uuid import UUID, uuid4

import pytest
from hypothesis import example, given

from shared.errors import Refused
from shared.text import segments
from shared.text.segments import Coding, Measure, Part, Segments
from tests.unit.text import oracle
from tests.unit.text.texts import said_by_each_part, sendable_texts

GSM7, UCS2 = Coding.GSM7, Coding.UCS2
EMOJI = "😀"

CASES = [
    # text, coding, units, units of each part
    ("a" * 160, GSM7, 160, [160]),
    ("a" * 161, GSM7, 161, [153, 8]),
    ("a" * 306, GSM7, 306, [153, 153]),
    ("a" * 307, GSM7, 307, [153, 153, 1]),
    ("Ж" * 70, UCS2, 70, [70]),
    ("Ж" * 71, UCS2, 71, [67, 4]),
    ("Ж" * 134, UCS2, 134, [67, 67]),
    ("Ж" * 135, UCS2, 135, [67, 67, 1]),
    ("ÆØÅæøå" * 26 + "aaaa", GSM7, 160, [160]),
    ("€" * 80, GSM7, 160, [160]),
    ("€" * 81, GSM7, 162, [152, 10]),
    ("a" * 159 + "€", GSM7, 161, [153, 8]),
    ("a" * 152 + "€" + "a" * 152, GSM7, 306, [152, 153, 1]),
    ("Ж" * 66 + EMOJI + "Ж" * 66, UCS2, 134, [66, 67, 1]),
    (EMOJI * 35, UCS2, 70, [70]),
    (EMOJI * 36, UCS2, 72, [66, 6]),
    ("x" * 69 + EMOJI, UCS2, 71, [67, 4]),
    ("ç", UCS2, 1, [1]),
    ("Ç", GSM7, 1, [1]),
    ("`", UCS2, 1, [1]),
    ("\t", UCS2, 1, [1]),
    ("§", GSM7, 1, [1]),
    ("\f", GSM7, 2, [2]),
    ("æøåÆØÅ", GSM7, 6, [6]),
    ("", GSM7, 0, [0]),
]


def units(cut: Segments) -> list[int]:
    size = 1 if cut.coding is GSM7 else 2
    return [len(part.payload) // size for part in cut.parts]


@pytest.mark.parametrize(("text", "coding", "total", "parts"), CASES)
def test_a_text_is_measured_and_split_as_the_standard_says(
    text: str, coding: Coding, total: int, parts: list[int]
) -> None:
    cut = segments.split(text, 7)

    assert segments.measure(text) == Measure(coding, total, len(parts))
    assert cut.coding is coding
    assert units(cut) == parts


@given(sendable_texts)
@example("\r\n" * 100)
def test_parts_are_those_of_the_standard_and_of_the_measure(text: str) -> None:
    cut = segments.split(text, 200)

    assert [part.payload for part in cut.parts] == oracle.payloads(text)
    assert "".join(said_by_each_part(cut)) == text
    assert segments.measure(text) == Measure(cut.coding, sum(units(cut)), len(cut.parts))


@given(sendable_texts)
def test_a_wide_reference_makes_smaller_parts_and_is_not_measured(text: str) -> None:
    cut = segments.split(text, 0xABCD, wide_reference=True)

    assert [part.payload for part in cut.parts] == oracle.payloads(text, wide_reference=True)
    assert segments.measure(text).parts == len(oracle.payloads(text))


@pytest.mark.parametrize("characters", [804, 805])
def test_the_cap_of_804_characters_on_e_mail_is_no_limit_of_parts(characters: int) -> None:
    assert segments.check("a" * characters, allow_unicode=True, max_parts=6).parts == 6


def test_a_single_part_has_no_header() -> None:
    assert segments.split("Hei", 7).parts == (Part(b"", b"Hei"),)


def test_each_of_several_parts_carries_reference_total_and_number() -> None:
    assert [part.udh for part in segments.split("a" * 307, 0xFE).parts] == [
        b"\x05\x00\x03\xfe\x03\x01",
        b"\x05\x00\x03\xfe\x03\x02",
        b"\x05\x00\x03\xfe\x03\x03",
    ]


def test_a_wide_reference_takes_two_octets_of_the_header_and_one_septet_of_the_part() -> None:
    cut = segments.split("a" * 306, 0x1234, wide_reference=True)

    assert [part.udh for part in cut.parts] == [
        b"\x06\x08\x04\x12\x34\x03\x01",
        b"\x06\x08\x04\x12\x34\x03\x02",
        b"\x06\x08\x04\x12\x34\x03\x03",
    ]
    assert units(cut) == [152, 152, 2]
    assert segments.measure("a" * 306).parts == 2


@pytest.mark.parametrize(("text", "octets"), [("a" * 400, 160), ("€" * 300, 160), ("Ж" * 200, 140), (EMOJI * 90, 140)])
@pytest.mark.parametrize("wide", [False, True])
def test_header_and_payload_fit_one_sms(text: str, octets: int, wide: bool) -> None:
    for part in segments.split(text, 9, wide_reference=wide).parts:
        header = -(-len(part.udh) * 8 // 7) if octets == 160 else len(part.udh)
        assert header + len(part.payload) <= octets


@pytest.mark.parametrize(("reference", "wide"), [(256, False), (-1, False), (65536, True), (-1, True)])
def test_a_reference_that_does_not_fit_is_refused(reference: int, wide: bool) -> None:
    with pytest.raises(Refused) as refused:
        segments.split("a" * 161, reference, wide_reference=wide)

    assert refused.value.code == "invalid_reference"


@pytest.mark.parametrize("text", ["a\x1b", "Ж\x1b", "\x1b"])
def test_an_escape_in_the_text_is_refused(text: str) -> None:
    for act in (segments.measure, lambda text: segments.split(text, 1)):
        with pytest.raises(Refused) as refused:
            act(text)
        assert refused.value.code == "escape_in_text"


@pytest.mark.parametrize("text", ["\ud83d", "hei \ude00", "\ud83d\ude00"])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    for act in (segments.measure, lambda text: segments.split(text, 1)):
        with pytest.raises(Refused) as refused:
            act(text)
        assert refused.value.code == "lone_surrogate"


@pytest.mark.parametrize("longest", ["a" * 153 * 255, "Ж" * 67 * 255])
def test_255_parts_are_the_most(longest: str) -> None:
    assert segments.measure(longest).parts == len(segments.split(longest, 1).parts) == 255
    for act in (segments.measure, lambda text: segments.split(text, 1)):
        with pytest.raises(Refused) as refused:
            act(longest + "a")
        assert refused.value.code == "too_many_parts"


@given(sendable_texts)
def test_a_text_within_its_limits_is_measured(text: str) -> None:
    assert segments.check(text, allow_unicode=True, max_parts=255) == segments.measure(text)


def test_unicode_that_is_not_allowed_is_refused_with_a_count_alone() -> None:
    with pytest.raises(Refused) as refused:
        segments.check("“Hei” – “hei”", allow_unicode=False, max_parts=6)

    assert refused.value.code == "unicode_not_allowed"
    assert "3" in refused.value.detail
    assert refused.value.detail.isascii()


def test_norwegian_text_needs_no_unicode() -> None:
    assert segments.check("Blåbærsyltetøy", allow_unicode=False, max_parts=1) == Measure(GSM7, 14, 1)


def test_more_parts_than_allowed_are_refused() -> None:
    assert segments.check("a" * 306, allow_unicode=True, max_parts=2).parts == 2
    with pytest.raises(Refused) as refused:
        segments.check("a" * 307, allow_unicode=True, max_parts=2)

    assert refused.value.code == "too_many_parts"


@pytest.mark.parametrize(("wide", "bits"), [(False, 8), (True, 16)])
def test_a_reference_is_the_same_at_every_replay_and_fits_the_header(wide: bool, bits: int) -> None:
    message_id = str(uuid4())
    reference = segments.reference_of(message_id, wide=wide)

    assert reference == segments.reference_of(message_id, wide=wide)
    assert reference == UUID(message_id).int >> 16 & (1 << bits) - 1


def test_messages_of_one_partition_get_different_references() -> None:
    ids = [f"0193576c-1f2e-7abc-8def-012345{number:02x}0003" for number in range(256)]

    assert len({segments.reference_of(message_id) for message_id in ids}) == 256
