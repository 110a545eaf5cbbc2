import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.text import gsm
from shared.text.senders import Sender, SenderKind, parse_sender


def code_of(raw: str) -> str:
    with pytest.raises(Refused) as refused:
        parse_sender(raw)
    return refused.value.code


@pytest.mark.parametrize(
    "raw",
    ["Budstikke", "Sørnes Bank", "H&M", "TV2+", "Vipps!", "Blå-Kors", "altinn.no", "A_1", "E", "1881 Info", "Ærøå"],
)
def test_a_name_is_kept_as_written(raw: str) -> None:
    assert parse_sender(raw) == Sender(raw, SenderKind.ALPHANUMERIC)


def test_spaces_around_a_sender_are_dropped() -> None:
    assert parse_sender("  Posten ") == Sender("Posten", SenderKind.ALPHANUMERIC)


@pytest.mark.parametrize("raw", ["2077", "26114", "02000"])
def test_four_or_five_digits_are_a_short_number(raw: str) -> None:
    assert parse_sender(raw) == Sender(raw, SenderKind.SHORT)


@pytest.mark.parametrize(
    ("raw", "number"),
    [("+4740612345", "+4740612345"), ("406 12 345", "+4740612345"), ("22123456", "+4722123456")],
)
def test_a_valid_number_is_a_sender_in_e164(raw: str, number: str) -> None:
    assert parse_sender(raw) == Sender(number, SenderKind.NUMERIC)


def test_eleven_characters_are_the_most() -> None:
    assert parse_sender("Elleve tegn").value == "Elleve tegn"
    assert code_of("Budstikke AS") == "sender_too_long"


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "   ",
        "-.&_+!",
        "110",
        "123456",
        "42123456",
        "Vіpps",  # a Cyrillic letter
        "ΑΒΓ",
        "Kari@home",
        "Bank’n",
        "Bank\n",
        "Hei😀",
        "e\u0301n",
        "1\u00a0B",
        "40612345\n",
    ],
)
def test_anything_else_is_no_sender(raw: str) -> None:
    assert code_of(raw) == "invalid_sender"


@given(st.text(max_size=14) | st.text(st.sampled_from("Aø1 .&_+!-Ωé"), max_size=14))
def test_an_accepted_name_fits_the_address_field(raw: str) -> None:
    try:
        sender = parse_sender(raw)
    except Refused:
        return
    if sender.kind is SenderKind.ALPHANUMERIC:
        assert gsm.septets(sender.value) == len(sender.value) <= 11


def test_the_reason_never_holds_the_number() -> None:
    with pytest.raises(Refused) as refused:
        parse_sender("42123456")

    assert "42123456" not in str(refused.value) + str(refused.value.__cause__)
