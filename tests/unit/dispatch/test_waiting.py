"""What waits for a link that is down, and where it may go."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from services.dispatch.sender.waiting import tried
from tests.unit.dispatch.building import START, Letters


def test_who_was_tried_may_be_tried_again_when_it_has_waited_for_a_minute(letters: Letters) -> None:
    order = replace(letters.order(operator="tinde", accepted_at=START), tried=("fjord",))

    assert tried(order, START + timedelta(seconds=59)) == ("fjord", "tinde")
    assert tried(order, START + timedelta(seconds=60)) == ("tinde",)
