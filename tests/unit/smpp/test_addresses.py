"""TON and NPI of an address."""

from __future__ import annotations

import pytest

from shared.errors import Refused
from shared.smpp.addresses import Address, Plan, address


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+4799999999", Address(1, 1, b"4799999999")),
        ("4799999999", Address(1, 1, b"4799999999")),
        ("2077", Address(3, 0, b"2077")),
        ("02000", Address(3, 0, b"02000")),
        ("Budstikke", Address(5, 0, b"Budstikke")),
        ("Blåbær AS", Address(5, 0, b"Bl\xe5b\xe6r AS")),
        ("A1", Address(5, 0, b"A1")),
    ],
)
def test_number_plan_follows_from_the_value(value: str, expected: Address) -> None:
    assert address(value) == expected


def test_an_operator_may_want_another_plan_for_short_numbers() -> None:
    assert address("2077", short=Plan(0, 1)) == Address(0, 1, b"2077")


@pytest.mark.parametrize(
    "value", ["", "a name too long", "+", "+2077", "0799999999", "1234567890123456", "Навік", "a\0b"]
)
def test_what_is_no_address_is_refused_without_being_quoted(value: str) -> None:
    with pytest.raises(Refused) as caught:
        address(value)

    assert caught.value.code == "smpp_bad_address"
    assert len(value) < 4 or value not in str(caught.value)


def test_an_address_does_not_show_its_value() -> None:
    assert "4799999999" not in repr(address("+4799999999"))
