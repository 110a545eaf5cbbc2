"""What is answered without the library is what the library answers."""

from __future__ import annotations

from random import Random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import SUPPORTED_REGIONS, PhoneNumberFormat, PhoneNumberType

from shared.text.mobiles import country_of_mobile

REGIONS = sorted(SUPPORTED_REGIONS)


def by_the_library(number: str) -> str | None:
    """The country of a valid mobile that is in E.164 already."""
    try:
        known = phonenumbers.parse(number, "NO")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(known) or phonenumbers.number_type(known) != PhoneNumberType.MOBILE:
        return None
    if phonenumbers.format_number(known, PhoneNumberFormat.E164) != number:
        return None
    return phonenumbers.region_code_for_country_code(known.country_code or 0)


def examples(region: str) -> list[str]:
    """A number of each kind that the region has."""
    found = (phonenumbers.example_number_for_type(region, kind) for kind in PhoneNumberType.values())
    return [phonenumbers.format_number(number, PhoneNumberFormat.E164) for number in found if number is not None]


@pytest.mark.parametrize("region", REGIONS)
def test_a_number_of_any_country_and_kind_is_judged_as_the_library_judges_it(region: str) -> None:
    random = Random(region)
    for example in examples(region):
        for changes in range(6):
            digits = list(example)
            for _ in range(changes):
                digits[random.randrange(3, len(digits))] = random.choice("0123456789")
            number = "".join(digits) + "7" * (changes == 5)
            assert country_of_mobile(number) in (None, by_the_library(number)), number


@given(st.from_regex(r"\+(?:44|45|46|48|49|351|353|354|358|372)[0-9]{6,11}", fullmatch=True))
def test_so_is_any_number_of_a_country_nearby(number: str) -> None:
    assert country_of_mobile(number) in (None, by_the_library(number))


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+447712345678", "GB"),
        ("+46701234567", "SE"),
        ("+3546111234", "IS"),
        ("+4915123456789", "DE"),
        ("+48512345678", "PL"),
        ("+37061234567", "LT"),
    ],
)
def test_the_mobiles_of_neighbours_need_no_library(number: str, country: str) -> None:
    assert country_of_mobile(number) == country == by_the_library(number)


@pytest.mark.parametrize(
    "raw", ["", "+", "+4", "+44", "447712345678", "+44\u0667712345678", "+4407712345678", "+0447712"]
)
def test_what_is_no_e164_is_left_to_the_library(raw: str) -> None:
    assert country_of_mobile(raw) is None
