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
