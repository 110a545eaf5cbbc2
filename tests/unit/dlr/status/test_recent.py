"""What the role remembers beside the database."""

from __future__ import annotations

import msgspec

from services.dlr.status.message import Message, stub
from services.dlr.status.recent import Recent
from shared.contracts.states import State
from shared.ids import MessageId
from tests.unit.dlr.building import ACCOUNT


def message(number: int, version: int = 1) -> Message:
    return msgspec.structs.replace(stub(MessageId(str(number)), ACCOUNT), version=version)


def test_the_one_written_longest_ago_is_forgotten_first() -> None:
    recent = Recent(2)
    for known in (message(1), message(2), message(1, version=2), message(3)):
        recent.keep(known)
    assert recent.get(MessageId("1")) == message(1, version=2)
    assert recent.get(MessageId("2")) is None
    assert len(recent) == 2


def test_a_final_message_is_not_kept() -> None:
    recent = Recent(2)
    recent.keep(message(1))
    recent.keep(msgspec.structs.replace(message(1), state=State.DELIVERED))
    assert len(recent) == 0


def test_what_somebody_else_wrote_is_forgotten() -> None:
    recent = Recent(2)
    recent.keep(message(1))
    recent.forget({MessageId("1"), MessageId("2")})
    assert recent.get(MessageId("1")) is None


def test_nothing_is_kept_without_room() -> None:
    recent = Recent(0)
    recent.keep(message(1))
    assert len(recent) == 0
