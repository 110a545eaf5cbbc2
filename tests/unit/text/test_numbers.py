import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.text.numbers import Number, NumberKind, Recipient, is_short_number, parse, parse_any, whole

MOBILE = Recipient(Number("+4740612345"), "NO", NumberKind.MOBILE)


def code_of(raw: str, *, allow_m2m: bool = False) -> str:
    """Why `raw` is refused; the reason for people must not hold any run of its digits."""
    with pytest.raises(Refused) as refused:
        parse(raw, allow_m2m=allow_m2m)
    assert not any(run in refused.value.detail for run in re.findall(r"\d{3,}", raw))
    return refused.value.code


@pytest.mark.parametrize(
    "raw",
    [
        "40612345",
        "+4740612345",
        "004740612345",
        "4740612345",
        "406 12 345",
        "40 61 23 45",
        "+47 406.12.345",
        "(+47) 406-12-345",
        "[0047] 40612345",
        " 40612345 ",
        "40\u00a061\u202f23\u00a045",
        "４０６１２３４５",
        "＋４７４０６１２３４５",
        "\u202a+47 406 12 345\u202c",
        "\ufeff40612345",
    ],
)
def test_a_norwegian_mobile_is_read_however_it_is_written(raw: str) -> None:
    assert parse(raw) == MOBILE


@pytest.mark.parametrize("raw", ["47123456", "+4747123456", "004747123456", "4747123456", "47 12 34 56"])
def test_a_number_that_begins_with_47_keeps_it(raw: str) -> None:
    assert parse(raw).number == "+4747123456"


@pytest.mark.parametrize("prefix", ["", "+47", "0047", "47"])
def test_every_series_is_judged_as_the_library_judges_it(prefix: str) -> None:
    for series in range(2000, 10000):
        known = phonenumbers.parse(f"+47{series}1234")
        expected = phonenumbers.number_type(known) == phonenumbers.PhoneNumberType.MOBILE
        try:
            recipient = parse(f"{prefix}{series}1234")
        except Refused:
            assert not expected, f"series {series}"
        else:
            assert expected, f"series {series}"
            assert recipient == Recipient(Number(f"+47{series}1234"), "NO", NumberKind.MOBILE)


@given(st.integers(40000000, 49999999) | st.integers(90000000, 99999999))
def test_any_number_of_the_mobile_series_is_judged_as_the_library_judges_it(national: int) -> None:
    possible = phonenumbers.is_valid_number(phonenumbers.parse(f"+47{national}"))

    if possible:
        assert parse(str(national)) == parse(f"+47{national}") == parse(f"47{national}")
        assert parse(str(national)).number == f"+47{national}"
    else:
        assert code_of(str(national)) == "invalid_number"


@given(st.text(st.sampled_from("0123456789+- ().x４７\u00a0"), max_size=20))
def test_whatever_is_accepted_is_valid_and_stays_what_it_is(raw: str) -> None:
    try:
        recipient = parse(raw)
    except Refused:
        return
    assert phonenumbers.is_valid_number(phonenumbers.parse(recipient.number))
    assert parse(recipient.number) == recipient


@pytest.mark.parametrize(
    ("raw", "recipient"),
    [
        ("+46 70 123 45 67", Recipient(Number("+46701234567"), "SE", NumberKind.MOBILE)),
        ("0046701234567", Recipient(Number("+46701234567"), "SE", NumberKind.MOBILE)),
        ("+45 20 12 34 56", Recipient(Number("+4520123456"), "DK", NumberKind.FIXED_OR_MOBILE)),
        ("+44 7911 123456", Recipient(Number("+447911123456"), "GB", NumberKind.MOBILE)),
        ("+1 212 555 2368", Recipient(Number("+12125552368"), "US", NumberKind.FIXED_OR_MOBILE)),
        ("+1 416 555 2368", Recipient(Number("+14165552368"), "CA", NumberKind.FIXED_OR_MOBILE)),
        ("+7 701 234 5678", Recipient(Number("+77012345678"), "KZ", NumberKind.MOBILE)),
    ],
)
def test_numbers_of_other_countries_are_read_by_the_library(raw: str, recipient: Recipient) -> None:
    assert parse(raw) == recipient


def test_a_national_number_is_read_in_the_region_given() -> None:
    assert parse("070-123 45 67", region="SE").number == "+46701234567"
    assert parse("+4740612345", region="SE") == MOBILE


def test_another_country_needs_its_prefix() -> None:
    assert code_of("46701234567") == "invalid_number"


@pytest.mark.parametrize(
    "raw",
    ["21234567", "22123456", "77123456", "+4779123456", "80012345", "82012345", "81500000", "85012345", "88012345"],
)
def test_a_valid_number_that_takes_no_sms_is_not_a_mobile(raw: str) -> None:
    assert code_of(raw) == "not_a_mobile"


@pytest.mark.parametrize(
    "raw",
    [
        "42123456",
        "43123456",
        "44123456",
        "49123456",
        "45366345",
        "50123456",
        "59123456",
        "4061234",
        "406123456",
        "+47406123456",
        "110",
        "+",
        "++4740612345",
        "4740+612345",
        "40612345\n",
        "\t40612345",
        "40612345*",
        "٤٠٦١٢٣٤٥",
        "+47591234567890",
        "123456789012345",
    ],
)
def test_a_number_that_cannot_exist_is_invalid(raw: str) -> None:
    assert code_of(raw) == "invalid_number"


@pytest.mark.parametrize("raw", ["", " ", "()", "\u200b"])
def test_nothing_is_no_number(raw: str) -> None:
    assert code_of(raw) == "number_missing"


@pytest.mark.parametrize("raw", ["0" * 18, "+" + "4" * 20, "9" * 5000])
def test_more_digits_than_any_number_has_are_too_many(raw: str) -> None:
    assert code_of(raw) == "number_too_long"


@pytest.mark.parametrize(
    "raw",
    ["40612345x5", "40612345 x 5", "+4740612345;ext=5", "40612345 ext. 5", "40612345#5", "40612345,5", "40612345,,5"],
)
def test_an_extension_is_refused_not_dropped(raw: str) -> None:
    assert code_of(raw) == "number_has_extension"


@pytest.mark.parametrize("raw", ["406KARI1", "tel:40612345", "ring 40612345", "40612345 Kari", "+1800FLOWERS", "x"])
def test_letters_are_refused(raw: str) -> None:
    assert code_of(raw) == "number_has_letters"


@pytest.mark.parametrize("raw", ["2077", "2002", "26114", "02000"])
def test_a_short_number_is_no_recipient(raw: str) -> None:
    assert is_short_number(raw)
    assert code_of(raw) == "short_number"


@pytest.mark.parametrize("raw", ["207", "207712", "+2077", "20 77", "2077\n", "٢٠٧٧", ""])
def test_anything_but_four_or_five_digits_is_no_short_number(raw: str) -> None:
    assert not is_short_number(raw)


@pytest.mark.parametrize("raw", ["+47 58 12 34 56 78 90", "0047581234567890", "47581234567890", "581234567890"])
def test_a_machine_is_sent_to_only_with_leave(raw: str) -> None:
    assert code_of(raw) == "m2m_not_allowed"
    assert parse(raw, allow_m2m=True) == Recipient(Number("+47581234567890"), "NO", NumberKind.M2M)


def test_twelve_digits_of_another_series_are_no_machine() -> None:
    assert code_of("591234567890", allow_m2m=True) == "invalid_number"
    assert code_of("58123456", allow_m2m=True) == "invalid_number"


def test_a_number_of_any_kind_may_be_asked_for() -> None:
    assert parse_any("22 12 34 56") == "+4722123456"
    assert parse_any("40612345") == "+4740612345"


@pytest.mark.parametrize(
    ("raw", "one"),
    [("406 12 345", "+4740612345"), ("58 12 34 56 78 90", "+47581234567890"), ("22123456", "+4722123456")],
)
def test_whoever_has_a_number_has_one_and_what_is_none_stays(raw: str, one: str) -> None:
    assert whole(raw) == whole(one) == one
    assert (whole("2401"), whole("Posten")) == ("2401", "Posten")
