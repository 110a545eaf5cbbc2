from __future__ import annotations

from pathlib import Path

import pytest

from services.billing.invoicing.parties import EXAMPLE, read_seller
from shared.errors import BadSettings


@pytest.mark.parametrize(("digits", "room"), [(12, True), (8, True), (7, False)])
def test_a_kid_has_room_for_the_numbers_of_the_series_to_come(tmp_path: Path, digits: int, room: bool) -> None:
    file = tmp_path / "seller.toml"
    file.write_text(EXAMPLE.read_text().replace("kid_digits = 12", f"kid_digits = {digits}"))
    if room:
        assert read_seller(file).kid_digits == digits
        return
    with pytest.raises(BadSettings, match="kid_digits leaves no room"):
        read_seller(file)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("915624634", "991825828", "check digit of organisation_number"),
        ("915624634", "NO915624634MVA", "organisation_number"),
        ("86011117947", "86011117948", "check digit of bank_account"),
        ("kid_digits = 12", "kid_digits = 26", "kid_digits"),
        ("kid_digits = 12", "kid_digits = 3", "kid_digits"),
        ("payment_days = 10", "payment_days = 61", "payment_days"),
        ('postal_code = "0150"', 'postal_code = "150"', "postal_code"),
        ("Budstikke Eksempel AS", " ", "name: "),
        ("Eksempelveien 1", "a\\u0007", "address/street: "),
        ('city = "Oslo"', 'city = " "', "address/city: "),
        ("kid_digits", "kid_length", "unknown field"),
        ('name = "Budstikke Eksempel AS"', "name = ", "Invalid value"),
    ],
)
def test_a_bad_file_of_the_seller_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = EXAMPLE.read_text()
    assert old in text
    file = tmp_path / "seller.toml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(BadSettings, match=f"BUDSTIKKE_SELLER: .*{fault}"):
        read_seller(file)


def test_a_seller_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="BUDSTIKKE_SELLER: cannot be read"):
        read_seller(tmp_path / "none.toml")
