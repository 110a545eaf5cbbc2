import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import Disposition, Refused
from shared.text import gsm
from tests.unit.text import oracle

gsm_text = st.text(st.sampled_from(oracle.ALPHABET), max_size=400)
any_text = st.text(st.one_of(st.characters(), st.sampled_from(oracle.ALPHABET + "\x1b\x00\t`ç")), max_size=80)


@pytest.mark.parametrize(("code", "character"), oracle.DEFAULT.items())
def test_each_character_of_the_default_alphabet_is_its_code(code: int, character: str) -> None:
    assert gsm.encode(character) == bytes([code])
    assert gsm.decode(bytes([code])) == character


@pytest.mark.parametrize(("code", "character"), oracle.EXTENSION.items())
def test_each_character_of_the_extension_table_is_an_escape_pair(code: int, character: str) -> None:
    assert gsm.encode(character) == bytes([gsm.ESCAPE, code])
    assert gsm.decode(bytes([gsm.ESCAPE, code])) == character


def test_no_other_character_of_unicode_is_gsm() -> None:
    others = (chr(point) for point in range(0x110000) if chr(point) not in oracle.ALPHABET)

    assert not [f"U+{ord(character):04X}" for character in others if gsm.septets(character) is not None]


@given(gsm_text)
@example("@" * 3)
@example("€@€")
def test_gsm_text_is_encoded_as_the_standard_says_and_comes_back(text: str) -> None:
    encoded = gsm.encode(text)

    assert encoded == oracle.septets(text)
    assert gsm.decode(encoded) == text
    assert gsm.septets(text) == len(encoded)
    assert gsm.foreign(text) == ()


@given(any_text)
@example("\0")
@example("￾")
def test_text_is_gsm_when_no_character_is_foreign(text: str) -> None:
    assert (gsm.septets(text) is not None) == (gsm.foreign(text) == ()) == oracle.is_gsm(text)


@given(
    st.lists(st.sampled_from([bytes([code]) for code in oracle.DEFAULT] + [bytes([0x1B, code]) for code in range(128)]))
)
def test_every_sequence_of_septets_without_a_dangling_escape_is_gsm_text(septets: list[bytes]) -> None:
    assert oracle.is_gsm(gsm.decode(b"".join(septets)))


def test_norwegian_letters_are_gsm() -> None:
    assert gsm.encode("æøåÆØÅ") == b"\x1d\x0c\x0f\x1c\x0b\x0e"


def test_the_section_sign_is_gsm() -> None:
    assert gsm.encode("§") == b"\x5f"


def test_a_form_feed_takes_two_septets() -> None:
    assert gsm.septets("\f") == 2


@pytest.mark.parametrize("character", ["ç", "`", "\t", "\0", "Ж", "😀", "\u00a0", "\ufffe", "\ud800"])
def test_a_character_outside_the_alphabet_is_refused(character: str) -> None:
    with pytest.raises(Refused) as refused:
        gsm.encode(f"pris {character}")

    assert refused.value.code == "not_gsm"
    assert refused.value.disposition is Disposition.REJECT
    assert character not in refused.value.detail.replace("\0", "")


def test_an_escape_in_the_text_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        gsm.encode("a\x1be")

    assert refused.value.code == "escape_in_text"


def test_foreign_characters_are_named_once_each_in_order() -> None:
    assert gsm.foreign("“pris” – “ny” 😀 €") == ("“", "”", "–", "😀")


@pytest.mark.parametrize("octets", [b"\x80", b"hei\xff", b"\x1b\x80"])
def test_an_octet_above_seven_bits_is_a_clean_error(octets: bytes) -> None:
    with pytest.raises(Refused) as refused:
        gsm.decode(octets)

    assert refused.value.code == "invalid_septets"


@pytest.mark.parametrize("octets", [b"\x1b", b"hei\x1b", b"\x1b\x1b\x1b"])
def test_a_dangling_escape_is_an_error(octets: bytes) -> None:
    with pytest.raises(Refused) as refused:
        gsm.decode(octets)

    assert refused.value.code == "invalid_septets"


@pytest.mark.parametrize(("octets", "text"), [(b"\x1b\x1b", " "), (b"a\x1b\x1be", "a e"), (b"\x1b\x1b\x1be", " €")])
def test_a_doubled_escape_is_a_space(octets: bytes, text: str) -> None:
    assert gsm.decode(octets) == text


@pytest.mark.parametrize(("octets", "text"), [(b"\x1bA", "A"), (b"\x1b\x00", "@"), (b"\x1b\x0d", "\r")])
def test_an_escaped_code_that_the_extension_table_leaves_empty_is_the_default_character(
    octets: bytes, text: str
) -> None:
    assert gsm.decode(octets) == text
