"""What waits for a link that is down, and where it may go."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from services.dispatch.sender.parts import plan
from services.dispatch.sender.waiting import Waiting, tried
from services.dispatch.sender.work import Attempt, Parcel
from shared.kafka.at_least_once import Finishing
from shared.kafka.tenure import Tenure
from tests.unit.dispatch.building import NUMBER, START, Letters, received


def test_who_was_tried_may_be_tried_again_when_it_has_waited_for_a_minute(letters: Letters) -> None:
    order = replace(letters.order(operator="tinde", accepted_at=START), tried=("fjord",))

    assert tried(order, START + timedelta(seconds=59)) == ("fjord", "tinde")
    assert tried(order, START + timedelta(seconds=60)) == ("tinde",)


def test_what_is_put_back_is_looked_at_though_its_recipient_opted_out_while_it_was_away(letters: Letters) -> None:
    opt_outs = 0
    order = letters.order()
    (part,) = plan(order, NUMBER, "hei", "udh")
    attempt = Attempt(Parcel(received(order), 1, Finishing(Tenure((), 1, lambda _: None))), part, 1)
    waiting = Waiting([attempt], lambda: opt_outs)
    assert waiting.is_due(START)
    waiting.popleft()
    opt_outs += 1
    assert waiting.is_due(START)

    waiting.put_back([attempt.next()])

    assert waiting.is_due(START)


def test_what_has_ended_is_looked_for_once_and_not_for_ever_after(letters: Letters) -> None:
    waiting = Waiting((), lambda: 0)
    for hours in (1, 3):
        order = letters.order(valid_until=START + timedelta(hours=hours))
        (part,) = plan(order, NUMBER, "hei", "udh")
        waiting.add(Attempt(Parcel(received(order), 1, Finishing(Tenure((), 1, lambda _: None))), part, 1))
    first, later = waiting
    assert waiting.is_due(START)
    assert waiting.is_due(START + timedelta(hours=1))
    waiting.drop({first})

    assert not waiting.is_due(START + timedelta(hours=2))
    assert waiting.is_due(START + timedelta(hours=3))

    waiting.put_back([later.next()])
    assert waiting.is_due(START + timedelta(hours=3))
